import type { TensorInfo } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';

/** @throws `argument.invalid` when dy is not shaped as the output whose gradient it is. */
export function checkGradientShape(dy: TensorInfo, expected: readonly number[]): void {
  check(
    dy.shape.length === expected.length && dy.shape.every((size, i) => size === expected[i]),
    'argument.invalid',
    'The gradient belongs to another output.',
    { expected: `[${expected.join(', ')}]`, received: `[${dy.shape.join(', ')}]` },
  );
}
