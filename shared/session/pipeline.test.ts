import { expect, test } from 'vitest';
import { fixedPointOf } from '../compress/index.ts';
import type { Federation } from '../federation/index.ts';
import { protectUpdate } from './pipeline.ts';

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

test('U-01: clip, then quantize, then mask; the report and the release say what was done', () => {
  const { update, report, release } = protectUpdate(local([3, 4]), federation, fixedPoint);
  const unit = 5 * 2 ** fixedPoint.fractionalBits;
  expect(update).toMatchObject({ layoutHash: 'layout', weight: 5, masking: 'none' });
  expect([...update.values].map((value) => value / unit)).toEqual([
    expect.closeTo(0.6, 6),
    expect.closeTo(0.8, 6),
  ]);
  expect(report).toEqual({ norm: 5, clipped: true });
  expect(release).toEqual({ mechanism: 'none', released: 'update', clipNorm: 1, weight: 5 });
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
