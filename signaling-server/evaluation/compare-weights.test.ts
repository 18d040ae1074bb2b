import { expect, test } from 'vitest';
import { layoutOf } from '../../shared/update/index.ts';
import { compareWeights } from './compare-weights.ts';

const layout = layoutOf([
  { name: 'a', shape: [2] },
  { name: 'b', shape: [1] },
]);

test('the 3-4-5 triangle, layer by layer', () => {
  const compared = compareWeights(layout, Float32Array.of(3, 4, 12), Float32Array.of(6, 8, 12));
  expect(compared.layers).toEqual([
    { name: 'a', l2: 5, relative: 1, cosine: 1 },
    { name: 'b', l2: 0, relative: 0, cosine: 1 },
  ]);
  expect(compared.l2).toBe(5);
  expect(compared.relative).toBeCloseTo(5 / 13, 12);
  // ⟨(3, 4, 12), (6, 8, 12)⟩ = 194.
  expect(compared.cosine).toBeCloseTo(194 / (13 * Math.sqrt(244)), 12);
});

test('a right angle, an opposite, and what has no direction', () => {
  expect(compareWeights(layout, Float32Array.of(1, 0, 2), Float32Array.of(0, 1, -2)).layers).toEqual([
    { name: 'a', l2: Math.SQRT2, relative: Math.SQRT2, cosine: 0 },
    { name: 'b', l2: 4, relative: 2, cosine: -1 },
  ]);
  expect(compareWeights(layout, Float32Array.of(0, 0, 0), Float32Array.of(0, 3, 4))).toMatchObject({
    l2: 5,
    relative: null,
    cosine: null,
  });
});
