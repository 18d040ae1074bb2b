import { describe, expect, test } from 'vitest';
import { seededRandom } from '../random/index.ts';
import { layoutOf } from '../update/index.ts';
import { keptCoordinates } from './kept.ts';
import { createProjection, orthonormalBasis } from './projection.ts';
import { applySketch, expandSketch, projectedSketch, type Sketch, sketchLength } from './sketch.ts';

const layout = layoutOf([
  { name: 'wide', shape: [3, 8] },
  { name: 'bias', shape: [8] },
  { name: 'tall', shape: [10, 4] },
  { name: 'kernel', shape: [3, 3, 2, 5] },
  { name: 'small', shape: [2, 5] },
]);
const projected = projectedSketch(layout, 2);
const kept: Sketch = { type: 'kept', length: 50, count: 13 };

function vector(length: number, name: string): Float64Array<ArrayBuffer> {
  const random = seededRandom(name);
  return Float64Array.from({ length }, () => random.uniform() - 0.5);
}
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

test('Z-04: two numbers for each of the longer side, biases and what would not shrink as they are', () => {
  // 3 × 8: 16; bias 8; 10 × 4: 20; 18 × 5: 36; 2 × 5 of rank 2 would be 10 of 10: as it is.
  expect(sketchLength(projected)).toBe(16 + 8 + 20 + 36 + 10);
});

describe.each([
  ['a subset', kept],
  ['projections', projected],
  ['the whole', { type: 'whole', length: 50 } as Sketch],
] as const)('%s', (_, sketch) => {
  const [a, b] = [vector(sketch.length, 'a'), vector(sketch.length, 'b')];

  test('Z-01: the sketch of a sum is the sum of sketches', () => {
    const sum = applySketch(
      sketch,
      a.map((value, i) => value + 3 * b[i]!),
      'base',
    );
    const [sa, sb] = [applySketch(sketch, a, 'base'), applySketch(sketch, b, 'base')];
    sum.forEach((value, i) => {
      expect(value).toBeCloseTo(sa[i]! + 3 * sb[i]!, 12);
    });
  });

  test('Z-01: what was expanded has the same sketch, and is no longer than the vector', () => {
    const once = applySketch(sketch, a, 'base');
    const expanded = expandSketch(sketch, once, 'base');
    expect(expanded).toHaveLength(sketch.length);
    applySketch(sketch, expanded, 'base').forEach((value, i) => {
      expect(value).toBeCloseTo(once[i]!, 12);
    });
    expect(norm(expanded)).toBeLessThanOrEqual(norm(a) + 1e-12);
    expect(norm(once)).toBeCloseTo(norm(expanded), 12);
  });

  test('vectors of another length are refused', () => {
    const code = 'update.wrong-length';
    expect(() => applySketch(sketch, new Float64Array(sketch.length + 1), 'base')).toThrow(
      expect.objectContaining({ code }),
    );
    expect(() => expandSketch(sketch, new Float64Array(sketchLength(sketch) + 1), 'base')).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

test('Z-02: of a subset the kept coordinates remain, and zero elsewhere', () => {
  const values = vector(50, 'a');
  const expanded = expandSketch(kept, applySketch(kept, values, 'base'), 'base');
  const coordinates = new Set(keptCoordinates(50, 13, 'base'));
  expanded.forEach((value, i) => {
    expect(value).toBe(coordinates.has(i) ? values[i] : 0);
  });
});

test('Z-04: a matrix of that rank whose rows the basis spans comes back whole', () => {
  const { project, expand } = createProjection(6, 4, 2, 'label');
  const basis = orthonormalBasis(4, 2, 'label');
  // Row i: i times the first vector of the basis, less the second.
  const matrix = Float64Array.from({ length: 24 }, (_, at) => {
    const [i, j] = [Math.floor(at / 4), at % 4];
    return i * basis[j]! - basis[4 + j]!;
  });
  const factor = new Float64Array(12);
  project(matrix, factor);
  factor.forEach((value, at) => {
    expect(value).toBeCloseTo(at % 2 === 0 ? at / 2 : -1, 12);
  });
  const back = new Float64Array(24);
  expand(factor, back);
  back.forEach((value, at) => {
    expect(value).toBeCloseTo(matrix[at]!, 12);
  });
});

test('Z-04: over random bases rank / shorter side of the squared norm remains', () => {
  const matrix = vector(60, 'm');
  let share = 0;
  for (let base = 0; base < 400; base++) {
    const factor = new Float64Array(20);
    createProjection(10, 6, 2, `base ${base}`).project(matrix, factor);
    share += (norm(factor) / norm(matrix)) ** 2 / 400;
  }
  expect(share).toBeGreaterThan(0.31);
  expect(share).toBeLessThan(0.36);
});

test('a basis is orthonormal, also one that spans all', () => {
  const basis = orthonormalBasis(5, 5, 'all');
  for (let r = 0; r < 5; r++)
    for (let s = 0; s <= r; s++) {
      let product = 0;
      for (let j = 0; j < 5; j++) product += basis[5 * r + j]! * basis[5 * s + j]!;
      expect(product).toBeCloseTo(r === s ? 1 : 0, 12);
    }
});
