import { describe, expect, it } from 'vitest';
import { BOUNDED_PRODUCT, failuresOf } from './bounds.ts';
import type { Cell, Timing } from './measure.ts';

const timing = (medianMs: number, changes: Partial<Timing> = {}): Timing => ({
  steps: 1,
  medianMs,
  p90Ms: medianMs,
  examplesPerSecond: 1,
  gflops: 1,
  firstLoss: 2.3,
  lastLoss: 2.2,
  ...changes,
});
const cell = (
  model: Cell['model'],
  column: Cell['column'],
  plain: Cell['plain'],
  noisy?: Cell['private'],
): Cell => ({ where: 'here', model, column, batchSize: 32, plain, private: noisy });

describe('bounds', () => {
  it('small CNN: 50 ms, and a twenty-fifth of stock cpu', () => {
    const stock = cell('small-cnn', 'stock-cpu', timing(1250));
    expect(failuresOf([stock, cell('small-cnn', 'ours-wasm', timing(50))], [], [])).toEqual([]);
    expect(failuresOf([stock, cell('small-cnn', 'ours-wasm', timing(51))], [], [])).toEqual([
      'here: small-cnn: 51.0 ms on wasm, bound 50',
      'here: small-cnn: 24.5 times stock cpu, bound 25',
    ]);
  });

  it('MLP: 0.8 of stock wasm', () => {
    const stock = cell('mlp', 'stock-wasm', timing(10));
    expect(failuresOf([stock, cell('mlp', 'ours-wasm', timing(8))], [], [])).toEqual([]);
    expect(failuresOf([stock, cell('mlp', 'ours-wasm', timing(9))], [], [])).toEqual([
      'here: mlp: 0.90 of stock wasm, bound 0.8',
    ]);
  });

  it('private steps: 1.1 for the MLP in batches of 600, 1.2 for the others in batches of 32, on wasm', () => {
    const large = (privateMs: number) => ({
      ...cell('mlp', 'ours-wasm', timing(10), timing(privateMs)),
      batchSize: 600,
    });
    expect(failuresOf([], [large(11)], [])).toEqual([]);
    expect(failuresOf([], [large(12)], [])).toEqual([
      'here: mlp: a private step of 600 takes 1.20 of a plain one, bound 1.1',
    ]);
    expect(failuresOf([cell('mlp', 'ours-wasm', timing(10), timing(20))], [], [])).toEqual([]);
    expect(failuresOf([cell('transformer', 'ours-wasm', timing(10), timing(12))], [], [])).toEqual([]);
    expect(failuresOf([cell('transformer', 'ours-wasm', timing(10), timing(13))], [], [])).toEqual([
      'here: transformer: a private step of 32 takes 1.30 of a plain one, bound 1.2',
    ]);
    expect(failuresOf([cell('transformer', 'ours-cpu', timing(10), timing(20))], [], [])).toEqual([]);
  });

  it('every model of ours trains; stock may say that it cannot', () => {
    expect(failuresOf([cell('small-cnn', 'stock-wasm', 'no kernel')], [], [])).toEqual([]);
    expect(failuresOf([cell('small-cnn', 'ours-webgl', 'no kernel', 'no kernel')], [], [])).toEqual([
      'here: small-cnn on ours-webgl: no kernel',
    ]);
    expect(failuresOf([cell('small-cnn', 'ours-webgl', timing(1), 'no noise')], [], [])).toEqual([
      'here: small-cnn on ours-webgl, private: no noise',
    ]);
    expect(failuresOf([cell('mlp', 'ours-cpu', timing(1, { lastLoss: 2.3 }))], [], [])).toEqual([
      'here: mlp on ours-cpu: the loss went from 2.3 to 2.3',
    ]);
    expect(failuresOf([cell('mlp', 'ours-cpu', timing(1, { lastLoss: Number.NaN }))], [], [])).toHaveLength(
      1,
    );
  });

  it('sides that do the same work agree on the first loss', () => {
    const cells = [
      cell('mlp', 'stock-cpu', timing(1)),
      cell('mlp', 'ours-cpu', timing(1, { firstLoss: 2.3009 }), timing(1, { firstLoss: 2.304 })),
    ];
    expect(failuresOf(cells, [], [])).toEqual(['here: mlp on ours-cpu: first loss 2.30400, others 2.30000']);
  });

  it('matrix product: half of the peak, for the large one of ours', () => {
    const rate = { where: 'here', column: 'ours-wasm', product: BOUNDED_PRODUCT, gflops: 10, peakGflops: 20 };
    const small = { rows: 1, inner: 1, columns: 1 };
    expect(failuresOf([], [], [rate])).toEqual([]);
    expect(failuresOf([], [], [{ ...rate, gflops: 9 }])).toEqual([
      'here: matrix product at 0.45 of the peak, bound 0.5',
    ]);
    expect(failuresOf([], [], [{ ...rate, gflops: 9, column: 'stock-wasm' }])).toEqual([]);
    expect(failuresOf([], [], [{ ...rate, gflops: 9, product: small }])).toEqual([]);
  });
});
