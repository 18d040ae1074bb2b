import { describe, expect, test } from 'vitest';
import { type AggregationRule, fedAvg, type RuleFor } from '../aggregate/index.ts';
import { fixedPointOf } from '../compress/index.ts';
import type { Federation } from '../federation/index.ts';
import type { LocalUpdate, MaskedUpdate, RecordNoise } from '../update/index.ts';
import { maskNone, protectUpdate } from './pipeline.ts';

const federation = {
  strategy: {
    type: 'fedavg',
    serverLearningRate: 1,
    weighting: 'examples',
    maxExamples: 8,
    clipNorm: 1,
  },
  privacy: { trustModel: 'none', secureAggregation: 'none' },
  cohort: { minParticipants: 2, groupSize: 2 },
} as const satisfies Pick<Federation, 'strategy' | 'privacy' | 'cohort'>;
const fixedPoint = fixedPointOf(federation);

function local(delta: number[], examples = 5) {
  return { layoutHash: 'layout', delta: Float32Array.from(delta), examples };
}

test('U-01: clip, then quantize; the report and the release say what was done', () => {
  const { update, report, release } = protectUpdate(local([3, 4]), federation, fixedPoint);
  const unit = 5 * 2 ** fixedPoint.fractionalBits;
  expect(update).toMatchObject({ layoutHash: 'layout', weight: 5 });
  expect([...update.values].map((value) => value / unit)).toEqual([
    expect.closeTo(0.6, 6),
    expect.closeTo(0.8, 6),
  ]);
  expect(report).toEqual({ norm: 5, clipped: true });
  expect(release).toEqual({ mechanism: 'none', released: 'update', clipNorm: 1, weight: 5 });
});

test('U-01: without secure aggregation the slices are the integers themselves', () => {
  const { update } = protectUpdate(local([3, 4, 0]), federation, fixedPoint);
  const { masking, weight, slices } = maskNone(update, 2);
  expect({ masking, weight }).toEqual({ masking: 'none', weight: 5 });
  expect(slices.map((bytes) => [...new Int32Array(bytes.slice().buffer)])).toEqual([
    [update.values[0]],
    [update.values[1], update.values[2]],
  ]);
});

test('U-01: what is sent is masked, and what is summed in secret needs no single update: else it does not compile', () => {
  const { update } = protectUpdate(local([3, 4]), federation, fixedPoint);
  // @ts-expect-error: not masked yet.
  const sent: MaskedUpdate = update;
  // @ts-expect-error: what an owner may see is not what secure aggregation sends.
  const secret: MaskedUpdate<'secagg'> = maskNone(update, 1);
  const median: AggregationRule<'individual'> = { ...fedAvg, needs: 'individual' };
  // @ts-expect-error: a rule that looks at single updates.
  const rule: RuleFor<'secagg'> = median;
  const plain: RuleFor<'none'> = median;
  expect([sent.weight, secret.masking, rule.needs, plain.needs]).toEqual([
    5,
    'none',
    'individual',
    'individual',
  ]);
});

test('R-10: the weight is the number of examples, capped', () => {
  expect(protectUpdate(local([0, 1], 100), federation, fixedPoint).update.weight).toBe(8);
});

test('U-02: without examples there is nothing to send', () => {
  expect(() => protectUpdate(local([0, 1], 0), federation, fixedPoint)).toThrow(
    expect.objectContaining({ code: 'data.empty' }),
  );
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 3e38])('U-04: an update with %s is not sent', (value) => {
  // The square of 3e38 is still finite in doubles: such an update is only long, and clipped.
  const run = () => protectUpdate(local([value, 1]), federation, fixedPoint);
  if (value === 3e38) expect(run().report.clipped).toBe(true);
  else expect(run).toThrow(expect.objectContaining({ code: 'update.non-finite' }));
});

describe('a federation that promises record-level privacy', () => {
  const record = { clipNorm: 1, noiseMultiplier: 1.1, sampling: 'poisson' } as const;
  const promising = {
    ...federation,
    privacy: { trustModel: 'record', secureAggregation: 'none', record },
  } as const;
  const spent: RecordNoise = { ...record, samplingRate: 0.02, steps: 50 };
  const trained = (recordNoise?: RecordNoise): LocalUpdate =>
    recordNoise === undefined ? local([3, 4]) : { ...local([3, 4]), recordNoise };

  test('D-06: writes down what training spent', () => {
    expect(protectUpdate(trained(spent), promising, fixedPoint).release).toEqual({
      mechanism: 'sampled-gaussian',
      released: 'update',
      weight: 5,
      clipNorm: 1,
      noiseMultiplier: 1.1,
      sampling: 'poisson',
      samplingRate: 0.02,
      steps: 50,
    });
  });

  test('takes more noise than it asked for', () => {
    const more = { ...spent, noiseMultiplier: 2, clipNorm: 0.5 };
    expect(protectUpdate(trained(more), promising, fixedPoint).release).toMatchObject(more);
  });

  test.each<[string, RecordNoise | undefined, string]>([
    ['no noise', undefined, 'no noise'],
    ['weaker noise', { ...spent, noiseMultiplier: 1 }, 'poisson sampling, noise multiplier 1, clip norm 1'],
    ['longer gradients', { ...spent, clipNorm: 2 }, 'poisson sampling, noise multiplier 1.1, clip norm 2'],
    ['other sampling', { ...spent, sampling: 'fixed' }, 'fixed sampling, noise multiplier 1.1, clip norm 1'],
    [
      'noise that is no number',
      { ...spent, noiseMultiplier: Number.NaN },
      'poisson sampling, noise multiplier NaN, clip norm 1',
    ],
  ])('U-07: sends nothing that was trained with %s', (_, noise, received) => {
    expect(() => protectUpdate(trained(noise), promising, fixedPoint)).toThrow(
      expect.objectContaining({
        code: 'privacy.policy-unmet',
        facts: expect.objectContaining({ path: 'privacy.record', received }),
      }),
    );
  });
});
