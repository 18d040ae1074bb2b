import { check } from '../errors/index.ts';
import type { RecordPrivacy, TrainingSpec } from '../federation/index.ts';
import { type SeededRandom, shuffle } from '../random/index.ts';
import { fixedSample, poissonSample, samplingPlan, type UniformSource } from './sampling.ts';

/** Which examples each step of a round trains on. */
export interface Batches {
  readonly steps: number;
  readonly stepsPerEpoch: number;
  /** Most examples that a batch may have. */
  readonly largest: number;
  readonly expectedBatch: number;
  /** Probability that one example is in one batch. */
  readonly samplingRate: number;
  /** To be asked for in order, once each. Each is an array of its own, so that the next may be asked for early. */
  at(step: number): Uint32Array;
}

type BatchSpec = Pick<TrainingSpec, 'batchSize' | 'epochs'>;

/** Every example once an epoch, in an order that the seed fixes; the last batch of an epoch may be smaller. */
export function shuffledBatches(
  count: number,
  { batchSize, epochs }: BatchSpec,
  random: SeededRandom,
): Batches {
  const stepsPerEpoch = Math.ceil(count / batchSize);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const size = Math.min(batchSize, count);
  return {
    steps: stepsPerEpoch * epochs,
    stepsPerEpoch,
    largest: size,
    expectedBatch: size,
    samplingRate: size / count,
    at(step) {
      const place = step % stepsPerEpoch;
      if (place === 0) shuffle(order, random.fork(step / stepsPerEpoch));
      return order.slice(place * batchSize, (place + 1) * batchSize);
    },
  };
}

/**
 * Batches that an accountant can reason about: each example by its own coin, or subsets of one size.
 * @throws `data.too-small` when a subset of that size does not exist.
 */
export function privateBatches(
  count: number,
  { batchSize, epochs }: BatchSpec,
  { sampling }: Pick<RecordPrivacy, 'sampling'>,
  random: UniformSource,
): Batches {
  check(
    sampling === 'poisson' || batchSize <= count,
    'data.too-small',
    'There are too few examples for one batch.',
    {
      expected: `at least ${batchSize}, the size of a batch`,
      received: String(count),
      remedy: 'Add data to the data set, or use Poisson sampling in the federation.',
    },
  );
  const { rate, steps, expectedBatch } = samplingPlan(count, batchSize, epochs);
  return {
    steps,
    stepsPerEpoch: Math.min(steps, Math.ceil(1 / rate)),
    largest: sampling === 'fixed' ? batchSize : count,
    expectedBatch,
    samplingRate: rate,
    at: () =>
      sampling === 'fixed' ? fixedSample(count, batchSize, random) : poissonSample(count, rate, random),
  };
}
