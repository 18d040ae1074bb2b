import { type Tensor3D, tensor, tensor1d, tensor2d, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../testing.ts';
import { positionSums, rowSquaredNorms, scaleRows, weightedProduct, weightedRowSum } from './rows.ts';

describe.each(['cpu', 'wasm'] as const)('rows on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  const examples = () => tensor([3, 4, 0, 0, 1, 2, 2, 0], [2, 2, 2]);

  it('squared norms: 3² + 4² and 1² + 2² + 2²', () => {
    tidy(() => {
      expect([...rowSquaredNorms(examples()).dataSync()]).toEqual([25, 9]);
    });
  });

  it('each row by its weight', () => {
    tidy(() => {
      const scaled = scaleRows(examples(), tensor1d([2, -1]));
      expect(scaled.shape).toEqual([2, 2, 2]);
      expect([...scaled.dataSync()]).toEqual([6, 8, 0, 0, -1, -2, -2, -0]);
    });
  });

  it('their weighted sum', () => {
    tidy(() => {
      const total = weightedRowSum(examples(), tensor1d([2, -1]));
      expect(total.shape).toEqual([2, 2]);
      expect([...total.dataSync()]).toEqual([5, 6, -2, 0]);
    });
  });

  it('the sum of weighted outer products: 2·[1 2]⊗[5 6] − [3 4]⊗[7 8]', () => {
    tidy(() => {
      const product = weightedProduct(
        tensor2d([
          [1, 2],
          [3, 4],
        ]),
        tensor2d([
          [5, 6],
          [7, 8],
        ]),
        tensor1d([2, -1]),
      );
      expect(product.shape).toEqual([2, 2]);
      expect([...product.dataSync()]).toEqual([-11, -12, -8, -8]);
    });
  });

  it('the sums over the positions of each', () => {
    tidy(() => {
      const sums = positionSums(examples() as Tensor3D);
      expect(sums.shape).toEqual([2, 2]);
      expect([...sums.dataSync()]).toEqual([3, 4, 3, 2]);
    });
  });
});
