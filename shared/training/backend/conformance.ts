import { dispose, type Tensor, tidy } from '@tensorflow/tfjs-core';
import { seededRandom } from '../../random/index.ts';
import { inputBatch, targetBatch } from '../batches.ts';
import { throwIfCancelled } from '../cancel.ts';
import { compileModel } from '../model/compile.ts';
import { tensorsOf } from '../parameters.ts';
import { clippedSums } from '../stepper.ts';
import { PROBE_EXPECTATIONS } from './probe-expectations.ts';
import { type Probe, partsOf } from './probe-table.ts';
import { syntheticExamples } from './synthetic.ts';

/** Large enough for most examples of most probes to be clipped, small enough for some not to be. */
const CLIP_NORM = 1;
const BATCH = 4;

/**
 * A digest is a weighted sum of numbers, and an error in it counts relative to the sum of their magnitudes. Correct
 * backends in float32 stay below 1e-5; half precision, whose numbers are off by up to 5e-4 each, does not stay
 * below this on any layer with a product; a wrong kernel is off by far more.
 */
export const TOLERANCE = 5e-5;

/**
 * Some gradients are zero but for rounding, such as that of a bias before a batch normalization: what is below this
 * share of the largest is measured by the largest.
 */
const ROUNDING_SHARE = 0.01;

export interface Digest {
  readonly value: number;
  /** Sum of the magnitudes of what was added up. */
  readonly scale: number;
}

/** What a model computes, small enough to store: its parts are compared one by one. */
export interface ProbeResult {
  readonly outputs: Digest;
  readonly losses: Digest;
  /** One per parameter. */
  readonly gradients: readonly Digest[];
  /** One per parameter; none for a model with statistics of the batch, which cannot be clipped. */
  readonly clipped: readonly Digest[];
}

/** Runs a probe on the current backend. Leaves no tensor behind. */
export async function runProbe(probe: Probe): Promise<ProbeResult> {
  const compiled = compileModel(probe);
  const examples = syntheticExamples(compiled, BATCH);
  const indices = [...Array(BATCH).keys()];
  const statistics = partsOf(probe.model).has('batchNorm');
  const tensors: Record<keyof ProbeResult, Tensor[]> = {
    outputs: [],
    losses: [],
    gradients: [],
    clipped: [],
  };
  tidy(() => {
    const parameters = tensorsOf(compiled.layout, probeWeights(compiled.initialWeights()));
    const inputs = inputBatch(compiled, examples.inputs, indices);
    const targets = targetBatch(compiled, examples.targets, indices);
    tensors.outputs = [compiled.forward(parameters, inputs)];
    const pass = compiled.pass(parameters, inputs, targets, {
      training: true,
      random: seededRandom('conformance'),
    });
    const results = pass.gradients();
    tensors.losses = [pass.losses];
    tensors.gradients = results.map((result) => ('next' in result ? result.next : result.sum()));
    tensors.clipped = statistics
      ? []
      : clippedSums(results, CLIP_NORM).flatMap((change) => ('gradient' in change ? [change.gradient] : []));
    return Object.values(tensors).flat();
  });
  try {
    const [outputs, losses, ...gradients] = await Promise.all(
      [...tensors.outputs, ...tensors.losses, ...tensors.gradients, ...tensors.clipped].map(digestOf),
    );
    return {
      outputs: outputs!,
      losses: losses!,
      gradients: gradients.slice(0, tensors.gradients.length),
      clipped: gradients.slice(tensors.gradients.length),
    };
  } finally {
    dispose(Object.values(tensors).flat());
  }
}

/** What the results of a probe are compared by: a value each, in the order outputs, losses, gradients, clipped. */
export function flatten({ outputs, losses, gradients, clipped }: ProbeResult): readonly Digest[] {
  return [outputs, losses, ...gradients, ...clipped];
}

/**
 * Compares what the current backend computes with what the cpu backend computed when the expectations were stored.
 * @returns undefined when it conforms, otherwise what is wrong, in words.
 * @throws what the backend throws; `training.cancelled`.
 */
export async function conformanceFault(
  probes: readonly Probe[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const probe of probes) {
    const expected = PROBE_EXPECTATIONS[probe.of];
    if (expected === undefined) return `There is nothing to check ${probe.of} against.`;
    const result = await runProbe(probe);
    throwIfCancelled(signal);
    const fault = differenceOf(probe.of, result, expected);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function differenceOf(of: string, result: ProbeResult, expected: readonly number[]): string | undefined {
  const groups = [
    { what: 'outputs', digests: [result.outputs] },
    { what: 'losses', digests: [result.losses] },
    { what: 'gradients', digests: result.gradients },
    { what: 'clipped gradients', digests: result.clipped },
  ];
  if (flatten(result).length !== expected.length) return `It computes another number of results for ${of}.`;
  let i = 0;
  for (const { what, digests } of groups) {
    const floor = ROUNDING_SHARE * Math.max(0, ...digests.map(({ scale }) => scale));
    for (const { value, scale } of digests) {
      const error = Math.abs(value - expected[i++]!) / Math.max(scale, floor, Number.MIN_VALUE);
      // Not "error > TOLERANCE": NaN must not pass.
      if (error <= TOLERANCE) continue;
      const words = Number.isFinite(error) ? `off by ${error.toExponential(1)}` : 'not even numbers';
      return `It computes wrong ${what} for ${of}, ${words}.`;
    }
  }
  return undefined;
}

/** Moved off the zeros and ones that some parameters start from, and large enough to bend every activation. */
function probeWeights(initial: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const random = seededRandom('probe weights');
  return initial.map((weight) => 2 * weight + random.uniform() - 0.5);
}

async function digestOf(tensor: Tensor): Promise<Digest> {
  const numbers = await tensor.data<'float32'>();
  let [value, scale] = [0, 0];
  for (let i = 0; i < numbers.length; i++) {
    // By position, so that numbers that are right but in the wrong place show too.
    const weighted = numbers[i]! * (1 + (i % 7));
    value += weighted;
    scale += Math.abs(weighted);
  }
  return { value, scale };
}
