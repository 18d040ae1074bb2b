import { type Tensor, type Tensor1D, tensor, tensor1d } from '@tensorflow/tfjs-core';
import type { Examples } from '../dataset/examples.ts';
import { check, MurmurationError } from '../errors/index.ts';
import type { CompiledModel } from './model/compile.ts';

/** Exactly what byte / 255 rounds to in float32, so that every backend is fed the same numbers. */
const BYTE_TO_UNIT = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/**
 * Checked once, before the first step.
 * @throws `data.empty`, `data.wrong-shape`, `data.unknown-label`, `data.invalid-value`. None of them quotes a value.
 */
export function checkExamples(compiled: CompiledModel, examples: Examples): void {
  check(examples.count > 0, 'data.empty', 'There are no examples.', {
    expected: 'at least one example',
    received: '0',
    remedy: 'Add data to the data set.',
  });
  checkInputs(compiled, examples.inputs, examples.count);
  check(
    examples.targets.length === examples.count,
    'data.wrong-shape',
    'The targets do not match the examples.',
    { path: 'targets', expected: `${examples.count} targets`, received: String(examples.targets.length) },
  );
  for (let i = 0; i < examples.count; i++) {
    const target = examples.targets[i]!;
    if (compiled.target === 'class') {
      if (Number.isInteger(target) && target >= 0 && target < compiled.outputSize) continue;
      throw new MurmurationError(
        'data.unknown-label',
        'An example has a label the federation does not know.',
        {
          path: `example ${i}`,
          expected: `a class index from 0 to ${compiled.outputSize - 1}`,
          remedy: 'Import the data again with the labels of this federation.',
        },
      );
    }
    check(Number.isFinite(target), 'data.invalid-value', 'An example has a target that is not a number.', {
      path: `example ${i}`,
      expected: 'a finite number',
    });
  }
}

/** @throws `data.wrong-shape` on a wrong length; `data.invalid-value` on an input that is not finite. */
export function checkInputs(compiled: CompiledModel, inputs: Float32Array | Uint8Array, count: number): void {
  check(
    inputs.length === count * compiled.inputSize,
    'data.wrong-shape',
    'The examples have another size than the model takes.',
    {
      path: 'inputs',
      expected: `${count} × ${compiled.inputSize} numbers`,
      received: String(inputs.length),
      remedy: 'Import the data again for this federation.',
    },
  );
  if (inputs instanceof Uint8Array) return;
  for (let i = 0; i < inputs.length; i++) {
    if (Number.isFinite(inputs[i]!)) continue;
    throw new MurmurationError('data.invalid-value', 'An input is not a finite number.', {
      path: `example ${Math.floor(i / compiled.inputSize)}, number ${i % compiled.inputSize}`,
      expected: 'a finite number',
      remedy: 'Correct or remove the row.',
    });
  }
}

/** Rows of `inputs` at `indices`, as a tensor [indices.length, ...inputShape]. Bytes become bytes / 255. */
export function inputBatch(
  compiled: CompiledModel,
  inputs: Float32Array | Uint8Array,
  indices: ArrayLike<number>,
): Tensor {
  const size = compiled.inputSize;
  const batch = new Float32Array(indices.length * size);
  for (let row = 0; row < indices.length; row++) {
    const start = indices[row]! * size;
    if (inputs instanceof Float32Array) {
      batch.set(inputs.subarray(start, start + size), row * size);
    } else {
      for (let k = 0; k < size; k++) batch[row * size + k] = BYTE_TO_UNIT[inputs[start + k]!]!;
    }
  }
  return tensor(batch, [indices.length, ...compiled.inputShape], 'float32');
}

/** Targets at `indices`: int32 classes or float32 values, [indices.length]. */
export function targetBatch(
  compiled: CompiledModel,
  targets: Float32Array | Uint16Array,
  indices: ArrayLike<number>,
): Tensor1D {
  return compiled.target === 'class'
    ? tensor1d(
        Int32Array.from(indices, (i) => targets[i]!),
        'int32',
      )
    : tensor1d(
        Float32Array.from(indices, (i) => targets[i]!),
        'float32',
      );
}
