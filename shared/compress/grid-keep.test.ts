import { expect, test } from 'vitest';
import type { CryptoRandom } from '../random/index.ts';
import { seededRandom } from '../random/index.ts';
import { type ClippedUpdate, staged } from '../update/index.ts';
import { encodingOf, trainedCoordinates, vectorLengthOf } from './encoding.ts';
import { gridOf, type WithNoise } from './grid.ts';
import { readGridSum } from './read-grid-sum.ts';
import { roundToGrid } from './round-to-grid.ts';
import { applySketch } from './sketch.ts';

const federation = {
  strategy: {
    type: 'fedavg',
    serverLearningRate: 1,
    weighting: 'uniform',
    maxExamples: 1,
    clipNorm: 1,
    compression: { keep: 0.25, entropyCoding: false },
  },
  cohort: { minParticipants: 3, groupSize: 16 },
  privacy: {
    secureAggregation: 'secagg',
    participant: { trust: 'distributed', noiseMultiplier: 1, colluding: 1, mechanism: 'independent' },
  },
} as unknown as Parameters<typeof gridOf>[0] & WithNoise;

const seeded = seededRandom('grid');
const random: CryptoRandom = {
  kind: 'crypto',
  bytes: (length) => Uint8Array.from({ length }, () => seeded.below(256)),
};

test('Z-01: with noise that hides participants the grid is that of the coordinates that are kept', () => {
  const grid = encodingOf(federation, 4000);
  const { sketch, ...rest } = gridOf(federation, 4000, 0.25);
  expect(grid).toEqual({ ...rest, sketch });
  expect(rest).toEqual(gridOf(federation, 1000));
  expect(sketch).toEqual({ type: 'kept', length: 4000, count: 1000 });
  expect(vectorLengthOf(grid, 4000)).toBe(1000);
});

test('Z-01: what was kept is read from a sum, in its place, and zero elsewhere', () => {
  const grid = gridOf(federation, 400, 0.25);
  const kept = trainedCoordinates(grid, 'base')!;
  const delta = new Float32Array(400);
  for (const i of kept) delta[i] = (i % 7) / 70;
  const sketched = new Float32Array(applySketch(grid.sketch!, delta, 'base'));
  const clipped = staged<ClippedUpdate>({ layoutHash: 'layout', delta: sketched, clipNorm: 1, weight: 1 });
  const { values } = roundToGrid(clipped, grid, 'base', random);
  const read = readGridSum(values, grid, 'base').map((value) => value / grid.scale);
  expect(read).toHaveLength(400);
  const isKept = new Set(kept);
  read.forEach((value, i) => {
    if (isKept.has(i)) expect(Math.abs(value - delta[i]!)).toBeLessThan(8 / grid.scale);
    else expect(value).toBe(0);
  });
});
