import { profile, type Tensor1D, type Tensor3D, tensor, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { noise, useBackend } from '../testing.ts';
import {
  addedVectorGradient,
  outerProductGradient,
  type ParameterGradient,
  perExampleGradient,
  sharedGradient,
} from './parameter-gradient.ts';
import { relativeDifference } from './reference/compare.ts';

const BATCH = 3;
const WEIGHTS = [0.5, 0, -2];

describe.each(['cpu', 'wasm'] as const)('parameter gradients on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it('one position: the outer product of (1, 2) and (3, 4)', () => {
    tidy(() => {
      const gradient = outerProductGradient(rows([[[1, 2]]]), rows([[[3, 4]]]), [2, 2]);
      expect([...gradient.sum().dataSync()]).toEqual([3, 4, 6, 8]);
      expect([...gradient.squaredNorms().dataSync()]).toEqual([125]); // (1 + 4)·(9 + 16)
      expect(gradient.perExample().shape).toEqual([1, 2, 2]);
    });
  });

  it('two positions that cancel have next to no norm', () => {
    tidy(() => {
      const gradient = outerProductGradient(
        rows([
          [
            [1, 2],
            [-1, -2],
          ],
        ]),
        rows([
          [
            [3, 4],
            [3, 4],
          ],
        ]),
        [2, 2],
      );
      // What float32 may be off by at this size: 5 · 25 · 4 · 2⁻²⁰.
      const [norm] = gradient.squaredNorms().dataSync();
      expect(norm).toBeGreaterThanOrEqual(0);
      expect(norm).toBeLessThan(5e-4);
    });
  });

  // [positions, features, units]: norms by products of positions, unless 8·f·u ≤ positions²·(f + u).
  it.each([
    ['ghost', 4, 6, 5, false],
    ['instantiated', 16, 6, 5, true],
  ])('%s norms equal those of per-example gradients', async (_, positions, features, units, instantiates) => {
    const inputs = noise('inputs', [BATCH, positions, features]) as Tensor3D;
    const slopes = noise('slopes', [BATCH, positions, units]) as Tensor3D;
    const gradient = () => outerProductGradient(inputs, slopes, [features, units]);
    const { kernels } = await profile(() => tidy(() => gradient().squaredNorms()));
    const shapes = kernels.flatMap(({ outputShapes }) => outputShapes.map(String));
    expect(shapes.includes(String([BATCH, features, units]))).toBe(instantiates);
    tidy(() => expectConsistent(gradient()));
  });

  it('D-03: norms are never too short where the parts of a gradient nearly cancel', () => {
    // 0.125 ⊗ d is left of (1000 + k + 0.125 − 1000 − k) ⊗ d; the four products that make its norm are 10⁸ as large.
    const low = Array.from({ length: 300 }, (_, i) => 1000 + ((i * 3) % 7));
    const high = low.map((value) => value + 0.125);
    const d = Array.from({ length: 300 }, (_, i) => 100 * ((i % 5) + 1));
    tidy(() => {
      const inputs = tensor([[low, high]], [1, 2, 300]) as Tensor3D;
      const slopes = tensor([[d, d.map((value) => -value)]], [1, 2, 300]) as Tensor3D;
      const squared = 300 * 0.125 ** 2 * d.reduce((sum, value) => sum + value ** 2, 0);
      const gradient = outerProductGradient(inputs, slopes, [300, 300]);
      expect(gradient.squaredNorms().dataSync()[0]).toBeGreaterThan(0.9999 * squared);
      const shared = sharedGradient([gradient, outerProductGradient(inputs, slopes, [300, 300])]);
      expect(shared.squaredNorms().dataSync()[0]).toBeGreaterThan(0.9999 * 4 * squared);
    });
  });

  it('of a vector added at every position', () => {
    tidy(() => {
      const gradient = addedVectorGradient(noise('vector', [BATCH, 5, 4]) as Tensor3D);
      expect(gradient.perExample().shape).toEqual([BATCH, 4]);
      expectConsistent(gradient);
    });
  });

  it('parts of a shared parameter are added up before the norm: (3, 0) and (0, 4) give 5²', () => {
    tidy(() => {
      const part = (values: number[]) => perExampleGradient(() => tensor(values, [1, 2]));
      const gradient = sharedGradient([part([3, 0]), part([0, 4])]);
      expect([...gradient.squaredNorms().dataSync()]).toEqual([25]);
      expect([...gradient.sum(tensor1d([2])).dataSync()]).toEqual([6, 8]);
    });
  });

  it('a parameter that nothing uses has none', () => {
    expect(() => sharedGradient([])).toThrow(RangeError);
  });
});

function rows(values: number[][][]): Tensor3D {
  return tensor(values) as Tensor3D;
}

function expectConsistent(gradient: ParameterGradient): void {
  const weights: Tensor1D = tensor1d(WEIGHTS);
  const all = [...gradient.perExample().dataSync()];
  const width = all.length / BATCH;
  const each = WEIGHTS.map((_, i) => all.slice(i * width, (i + 1) * width));
  const column = (scales: number[]) =>
    each[0]!.map((_, k) => each.reduce((total, row, i) => total + scales[i]! * row[k]!, 0));
  const norms = each.map((row) => row.reduce((total, value) => total + value ** 2, 0));
  expect(relativeDifference(gradient.sum().dataSync(), column([1, 1, 1]))).toBeLessThan(1e-5);
  expect(relativeDifference(gradient.sum(weights).dataSync(), column(WEIGHTS))).toBeLessThan(1e-5);
  expect(relativeDifference(gradient.squaredNorms().dataSync(), norms)).toBeLessThan(1e-5);
}
