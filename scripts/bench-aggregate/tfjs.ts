import { resolve } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';

/**
 * As one would write it with tfjs; each call hands rows over and takes the result back. Where a matrix is needed, rows come side
 * by side in one array, which saves tfjs from putting them together.
 */
export interface TfjsKernels {
  /** A tensor per row: the fastest way that was found. */
  weightedSum(rows: readonly Float32Array[], weights: readonly number[]): Float32Array;
  /** Xᵀ · w: of products of matrices the fastest. */
  weightedProduct(flat: Float32Array, rows: number, weights: readonly number[]): Float32Array;
  median(flat: Float32Array, rows: number): Float32Array;
  trimmedMean(flat: Float32Array, rows: number, trim: number): Float32Array;
  squaredDistances(flat: Float32Array, rows: number): Float32Array;
}

export async function startTfjs(): Promise<TfjsKernels> {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const binaries = resolve(import.meta.dirname, '../../node_modules/@tensorflow/tfjs-backend-wasm/dist');
  setWasmPaths(`${binaries}/`);
  if (!(await tf.setBackend('wasm'))) throw new Error('tfjs has no WASM backend here.');
  const matrix = (flat: Float32Array, rows: number): tf.Tensor2D =>
    tf.tensor2d(flat, [rows, flat.length / rows]);
  const read = (compute: () => tf.Tensor): Float32Array => {
    const result = tf.tidy(compute);
    const values = result.dataSync<'float32'>();
    result.dispose();
    return values;
  };
  /** The mean of columns `from` to `to` of the largest `to` of each coordinate. */
  const meanOfLargest = (flat: Float32Array, rows: number, from: number, to: number): Float32Array =>
    read(() => {
      const { values } = tf.topk(tf.transpose(matrix(flat, rows)), to);
      return tf.mean(tf.slice(values, [0, from], [-1, to - from]), 1);
    });
  return {
    weightedSum: (rows, weights) =>
      read(() => tf.addN(rows.map((row, r) => tf.mul(tf.tensor1d(row), weights[r]!)))),
    weightedProduct: (flat, rows, weights) =>
      read(() => tf.matMul(matrix(flat, rows), tf.tensor2d([...weights], [rows, 1]), true)),
    median: (flat, rows) => meanOfLargest(flat, rows, (rows - 1) >> 1, (rows >> 1) + 1),
    trimmedMean: (flat, rows, trim) => meanOfLargest(flat, rows, trim, rows - trim),
    squaredDistances: (flat, rows) =>
      read(() => {
        const x = matrix(flat, rows);
        const norms = tf.sum(tf.square(x), 1, true);
        return tf.sub(tf.add(norms, tf.transpose(norms)), tf.mul(2, tf.matMul(x, x, false, true)));
      }),
  };
}
