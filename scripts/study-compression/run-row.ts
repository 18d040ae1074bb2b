import { strategyOf, sumSlices } from '../../shared/aggregate/index.ts';
import {
  encodingOf,
  pipelineOf,
  planCompression,
  readLatticeSum,
  type Stages,
  trainedCoordinates,
  type WireCost,
} from '../../shared/compress/index.ts';
import { check } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import { protectUpdate } from '../../shared/session/pipeline.ts';
import type { Partition } from '../../shared/simulate/index.ts';
import { type CompiledModel, evaluateModel, trainLocally } from '../../shared/training/index.ts';
import { type LocalUpdate, type Model, makeModel, type NoisedUpdate } from '../../shared/update/index.ts';
import { gather, type StudyImages } from '../study-data.ts';

export interface RowSetting {
  readonly federation: Federation;
  readonly compiled: CompiledModel;
  readonly train: StudyImages;
  readonly test: StudyImages;
  readonly partition: Partition;
  readonly seed: string;
  readonly rounds: number;
  readonly random: CryptoRandom;
  readonly onRound: (round: number, relativeError: number) => void;
}

export interface Outcome {
  /** Mean over the last versions, on the test digits. */
  readonly accuracy: number;
  /** Of one participant and round; without compression float32 numbers. */
  readonly cost: WireCost;
  readonly stages: Stages;
  readonly predictedError: number;
  readonly sketchError: number;
  /** Root mean square over rounds of ‖what was read from the sum − the sum‖ / ‖the sum‖. */
  readonly measuredError: number;
  /** Coordinates of sums that were beyond the ring, over all rounds. */
  readonly wrapped: number;
}

/** Versions whose accuracy is averaged: one alone varies by a tenth of a point. */
const LAST_VERSIONS = 5;

/**
 * A federation as its participants run it, but for masks, which cancel: each trains, protects its update as a session does, integers
 * are added up modulo the size of the ring and applied as every device applies them.
 */
export async function runRow(setting: RowSetting): Promise<Outcome> {
  const { federation, compiled, partition, rounds } = setting;
  const { layout } = compiled;
  const isCompressed = federation.strategy.compression !== undefined;
  const encoding = encodingOf(federation, layout);
  const strategy = strategyOf(federation, layout);
  const signal = new AbortController().signal;
  let model = makeModel(0, layout, compiled.initialWeights());
  const accuracies: number[] = [];
  let squares = 0;
  let wrapped = 0;
  for (let round = 0; round < rounds; round++) {
    const base = model;
    const kept = trainedCoordinates(encoding, base.hash);
    const updates: LocalUpdate[] = [];
    for (const [participant, indices] of partition.entries()) {
      const examples = gather(setting.train, indices);
      const job = { compiled, examples, base, training: federation.training, signal };
      const seed = `${setting.seed}/${round}/${participant}`;
      const { update } = await trainLocally({ ...job, seed, ...(kept === undefined ? {} : { kept }) });
      updates.push(update);
    }
    if (isCompressed) {
      const facts = {
        baseHash: base.hash,
        invited: updates.length,
        random: setting.random,
        noise: { addSkellam: () => check(false, 'internal', 'No noise is asked for.') },
        ...(base.clipNorm === undefined ? {} : { clipNorm: base.clipNorm }),
      };
      const sent = updates.map((update) => protectUpdate(update, federation, encoding, facts).update);
      const sum = sumSlices(sent);
      wrapped += wrapInto(sum.values, encoding.kind === 'lattice' ? encoding.bits : 32);
      check(encoding.kind === 'lattice', 'internal', 'A compressed federation has a lattice.');
      const error = relativeError(readLatticeSum(sum.values, encoding, base).values, updates, sent);
      squares += error ** 2;
      setting.onRound(round + 1, error);
      model = strategy.apply(base, sum, layout, encoding);
    } else {
      model = exactMean(base, updates, compiled);
      setting.onRound(round + 1, 0);
    }
    if (round >= rounds - LAST_VERSIONS) accuracies.push(await accuracyOf(setting, model, signal));
  }
  const { chosen } =
    federation.strategy.compression?.uploadBytes === undefined
      ? { chosen: pipelineOf(federation, layout, federation.strategy.compression) }
      : planCompression(federation, layout);
  const bare = {
    upBytes: 4 * layout.length,
    downBytes: 4 * layout.length,
    overheadUpBytes: 0,
    overheadDownBytes: 0,
  };
  return {
    accuracy: accuracies.reduce((sum, one) => sum + one, 0) / accuracies.length,
    cost: isCompressed ? chosen.cost : bare,
    stages: chosen.stages,
    predictedError: isCompressed ? chosen.relativeError : 0,
    sketchError: isCompressed ? chosen.sketchError : 0,
    measuredError: Math.sqrt(squares / rounds),
    wrapped,
  };
}

/** @returns how many were beyond the ring. */
function wrapInto(values: Int32Array, bits: number): number {
  const shift = 32 - bits;
  let wrapped = 0;
  for (let i = 0; i < values.length; i++) {
    const value = (values[i]! << shift) >> shift;
    if (value !== values[i]) wrapped++;
    values[i] = value;
  }
  return wrapped;
}

function relativeError(
  read: Float64Array,
  updates: readonly LocalUpdate[],
  sent: readonly NoisedUpdate[],
): number {
  let errors = 0;
  let squares = 0;
  for (let i = 0; i < read.length; i++) {
    let exact = 0;
    for (let j = 0; j < updates.length; j++) exact += sent[j]!.weight * updates[j]!.delta[i]!;
    errors += (read[i]! - exact) ** 2;
    squares += exact ** 2;
  }
  return Math.sqrt(errors / squares);
}

/** FedAvg in floats. */
function exactMean(base: Model, updates: readonly LocalUpdate[], { layout }: CompiledModel): Model {
  const total = updates.reduce((sum, { examples }) => sum + examples, 0);
  const weights = base.weights.slice();
  for (let i = 0; i < weights.length; i++) {
    let sum = 0;
    for (const { delta, examples } of updates) sum += delta[i]! * examples;
    weights[i] = weights[i]! + sum / total;
  }
  return makeModel(base.version + 1, layout, weights);
}

async function accuracyOf(
  { compiled, test }: RowSetting,
  model: Model,
  signal: AbortSignal,
): Promise<number> {
  const all = Uint32Array.from({ length: test.count }, (_, i) => i);
  const { correct, total } = await evaluateModel({ compiled, examples: gather(test, all), model, signal });
  return correct / total;
}
