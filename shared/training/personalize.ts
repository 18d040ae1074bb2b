import { check } from '../errors/index.ts';
import type { TrainingSpec } from '../federation/index.ts';
import type { Layout, Model } from '../update/index.ts';
import { type LocalTraining, trainLocally } from './train.ts';

/** Training that is for this device alone: what comes out never leaves it, and so carries no noise. */
export interface Personalization
  extends Pick<
    LocalTraining,
    'compiled' | 'examples' | 'seed' | 'signal' | 'pacer' | 'onProgress' | 'minimumExamples'
  > {
  /** The newest shared model. */
  readonly shared: Model;
  /** What this device made of earlier ones; left out, or of another model, it begins with the shared one. */
  readonly personal?: Float32Array<ArrayBuffer>;
  readonly training: TrainingSpec;
}

export interface Personal {
  readonly weights: Float32Array<ArrayBuffer>;
  /** Mean training loss of the last epoch. */
  readonly loss: number;
}

/**
 * Ditto (Li et al. 2021, "Ditto: Fair and Robust Federated Learning Through Personalization", algorithm 1): the device's own model v goes
 * on from where it was, by steps v ← v − η(∇F(v) + λ(v − w)) towards its data and, by λ, towards the shared w.
 * @param lambda 0 for a model of its own; the larger, the nearer to the shared one. η·λ above 1 would leap over it.
 * @throws as `trainLocally`; `argument.invalid` for a λ below zero, or so large that steps would grow.
 */
export function trainDitto(job: Personalization, lambda: number): Promise<Personal> {
  const { learningRate } = job.training.optimizer;
  check(
    lambda >= 0 && learningRate * lambda <= 1,
    'argument.invalid',
    'The pull towards the shared model is out of range.',
    {
      expected: `from 0 to ${1 / learningRate}, one over the learning rate`,
      received: String(lambda),
    },
  );
  return trainFrom(job, { training: { ...job.training, proximal: lambda }, anchor: job.shared.weights });
}

/**
 * A fine-tuned head: the last layers are trained on this device's data, all others are those of the shared model (Collins et al. 2021,
 * "Exploiting Shared Representations", in its simplest form). A head of before goes on on top of the newest others.
 * @param layers with parameters, from the end.
 * @throws as `trainLocally`; `argument.invalid` for a head of no layers, or of more than there are.
 */
export function fineTuneHead(job: Personalization, layers = 1): Promise<Personal> {
  const kept = headOf(job.compiled.layout, layers);
  const head = { kept, keepsRate: true };
  if (!fits(job)) return trainFrom(job, head);
  const personal = job.shared.weights.slice();
  for (const coordinate of kept) personal[coordinate] = job.personal[coordinate]!;
  return trainFrom({ ...job, personal }, head);
}

/** The coordinates of the last layers that have parameters, ascending. */
export function headOf({ parameters }: Layout, layers: number): Uint32Array<ArrayBuffer> {
  const names = [...new Set(parameters.map(({ name }) => layerOf(name)))];
  check(layers >= 1 && layers <= names.length, 'argument.invalid', 'There are not so many layers to train.', {
    expected: `1 to ${names.length}`,
    received: String(layers),
  });
  const head = new Set(names.slice(-layers));
  const coordinates = parameters
    .filter(({ name }) => head.has(layerOf(name)))
    .flatMap(({ offset, length }) => Array.from({ length }, (_, i) => offset + i));
  return Uint32Array.from(coordinates);
}

/** A parameter is named `layer/part`. */
function layerOf(name: string): string {
  return name.split('/')[0]!;
}

function fits(job: Personalization): job is Personalization & Required<Pick<Personalization, 'personal'>> {
  return job.personal?.length === job.compiled.layout.length;
}

async function trainFrom(
  job: Personalization,
  change: Partial<Pick<LocalTraining, 'training' | 'anchor' | 'kept' | 'keepsRate'>>,
): Promise<Personal> {
  const { shared, personal: _, ...rest } = job;
  const start = fits(job) ? job.personal : shared.weights;
  const { update, loss } = await trainLocally({ ...rest, base: { ...shared, weights: start }, ...change });
  return { weights: update.delta.map((value, i) => start[i]! + value), loss };
}
