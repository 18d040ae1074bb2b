import { expect, test } from 'vitest';
import { fixedPointOf } from '../shared/compress/index.ts';
import { compileModel } from '../shared/training/index.ts';
import { curveSvg } from './study-curve.ts';
import { loadMnist, partitionFor } from './study-data.ts';
import { STUDY_ROWS, studyFederation } from './study-rows.ts';

test.each(STUDY_ROWS)('$name: the model of the paper, ten of a hundred clients a round', (row) => {
  const federation = studyFederation(row, 'seed');
  const { layout } = compileModel(federation);
  expect(layout.length).toBe({ '2NN': 199_210, CNN: 1_663_370 }[row.model]);
  expect(federation.training).toMatchObject({ batchSize: 10, epochs: row.epochs });
  expect(federation.cohort).toMatchObject({ minParticipants: 10, groupSize: 10 });
  // Rounding moves the mean of ten updates of 600 examples by at most 10 · ½ / (6,000 · 2^f): below 10^-6.
  expect(5 / (6000 * 2 ** fixedPointOf(federation).fractionalBits)).toBeLessThan(1e-6);
});

test('MNIST is whole, and every client has 600 of its digits', async () => {
  const { train, test } = await loadMnist();
  expect([train.count, train.size, test.count]).toEqual([60_000, 784, 10_000]);
  for (const row of STUDY_ROWS.slice(0, 2)) {
    const partition = partitionFor(row, train, 'seed');
    expect(partition.map(({ length }) => length)).toEqual(new Array(100).fill(600));
    const mostLabels = Math.max(
      ...partition.map((indices) => new Set([...indices].map((index) => train.labels[index])).size),
    );
    if (row.partition === 'iid') expect(mostLabels).toBe(10);
    else expect(mostLabels).toBeLessThanOrEqual(4);
  }
});

test('a curve is drawn where its numbers say', () => {
  const points = [
    { round: 1, accuracy: 0.8 },
    { round: 2, accuracy: 1 },
  ];
  const svg = curveSvg({ title: 'a < b', points, best: points, target: 0.98, paperRounds: 2 });
  // 648 wide from 56, 284 high from 36, ten times the target's errors: from 80 to 100 %. Round 1 of 2 is half way along
  // the foot, round 2 the upper right corner, the target a tenth of the way down.
  expect(svg).toContain('points="380.0,320.0 704.0,36.0"');
  expect(svg).toContain('M56 64.4H704');
  expect(svg).toContain('a &lt; b');
});
