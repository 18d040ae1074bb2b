import { describe, expect, test } from 'vitest';
import { openAccount } from '../../shared/ledger/index.ts';
import { chiSquareTail } from '../../shared/privacy/falsify/significance.ts';
import { createNoise, type PrivacyEvent } from '../../shared/privacy/index.ts';
import { keyedRandom } from './keyed-random.ts';
import { countsEvent, noisyCounts } from './noisy-counts.ts';
import { randomizedResponse } from './randomized-response.ts';

/** The same noise in every run, so that a test fails for a reason only. */
const random = () => keyedRandom(new Uint8Array(32).fill(7));
const ROWS = 60_000;
/** Fifteen distributions are looked at: chance alone fails one in 10,000 runs over all keys. */
const SIGNIFICANCE = 1e-4 / 15;

function pValue(counts: ArrayLike<number>, expected: readonly number[]): number {
  let statistic = 0;
  for (const [i, mean] of expected.entries()) statistic += (counts[i]! - mean) ** 2 / mean;
  return chiSquareTail(statistic, expected.length - 1);
}

function respond(truth: number, classes: number, epsilon: number): Int32Array {
  const source = random();
  const labels = new Uint16Array(ROWS).fill(truth);
  const released = randomizedResponse(labels, classes, epsilon, {
    noise: createNoise(source),
    random: source,
  });
  const counts = new Int32Array(classes);
  for (const label of released) counts[label]!++;
  return counts;
}

const costOf = (event: PrivacyEvent, delta: number): number => {
  const account = openAccount();
  account.add(event);
  return account.epsilon(delta);
};

describe('randomized response', () => {
  test.each([
    [2, Math.log(3)],
    [2, 0.1],
    [3, 1],
    [10, 3],
    [10, 0.5],
  ])(
    'of %i classes at epsilon %d tells the truth with odds e^ε against any other class',
    (classes, epsilon) => {
      const odds = Math.exp(epsilon);
      const share = ROWS / (odds + classes - 1);
      for (const truth of [0, classes - 1]) {
        const expected = Array.from({ length: classes }, (_, k) => (k === truth ? odds * share : share));
        expect(pValue(respond(truth, classes, epsilon), expected)).toBeGreaterThan(SIGNIFICANCE);
      }
    },
  );

  test('the test would find a quarter more truth', () => {
    const counts = respond(0, 3, 1.25);
    const share = ROWS / (Math.E + 2);
    expect(pValue(counts, [Math.E * share, share, share])).toBeLessThan(SIGNIFICANCE);
  });
});

describe('noisy counts', () => {
  test.each([0.1, 1, 3])(
    'at epsilon %d each count has two-sided geometric noise of scale 2 / ε',
    (epsilon) => {
      // 60,000 classes with nothing in them: as many samples of the noise.
      const noise = noisyCounts([], ROWS, epsilon, createNoise(random()));
      const alpha = Math.exp(-epsilon / 2);
      const edge = Math.max(2, Math.ceil(4 / epsilon));
      const bins = new Int32Array(2 * edge + 1);
      for (const value of noise) bins[Math.max(-edge, Math.min(edge, value)) + edge]!++;
      const expected = Array.from(bins, (_, i) => {
        const at = Math.abs(i - edge);
        const each = ((1 - alpha) / (1 + alpha)) * alpha ** at;
        // The outermost bins hold the whole tail.
        return ROWS * (at === edge ? alpha ** edge / (1 + alpha) : each);
      });
      expect(pValue(bins, expected)).toBeGreaterThan(SIGNIFICANCE);
    },
  );

  test('are about the counts themselves', () => {
    const counts = noisyCounts([0, 2, 2, 2], 3, 1000, createNoise(random()));
    expect([...counts]).toEqual([1, 0, 3]);
  });

  test.each([0.1, 1, 3])('at epsilon %d cost no more than that', (epsilon) => {
    expect(costOf(countsEvent(epsilon), 1e-5)).toBeLessThanOrEqual(epsilon);
    expect(costOf(countsEvent(epsilon), 1e-30)).toBeGreaterThan(0.99 * epsilon);
  });
});

test('keyed bytes are the same for the same key, and of no pattern between keys', () => {
  const bytes = (fill: number) => keyedRandom(new Uint8Array(32).fill(fill)).bytes(64);
  expect(bytes(1)).toEqual(bytes(1));
  expect(bytes(1)).not.toEqual(bytes(2));
  const source = keyedRandom(new Uint8Array(32).fill(1));
  expect(source.bytes(32)).not.toEqual(source.bytes(32));
});
