import { type Tensor, type Tensor1D, tensor, tensor1d } from '@tensorflow/tfjs-core';
import type { Examples } from '../dataset/examples.ts';
import { check, MurmurationError } from '../errors/index.ts';
import type { CompiledModel } from './model/compile.ts';

/** Exactly what byte / 255 rounds to in float32, so that every backend is fed the same numbers. */
export const BYTE_TO_UNIT = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/**
 * Checked once, before the first step.
 * @param indices which examples of their data set these are, for messages; 0, 1, … when left out.
 * @throws `data.empty`, `data.wrong-shape`, `data.unknown-label`, `data.invalid-value`. None of them quotes a value.
 */
export function checkExamples(
  compiled: CompiledModel,
  examples: Examples,
  indices?: ArrayLike<number>,
): void {
  check(examples.count > 0, 'data.empty', 'There are no examples.', {
    expected: 'at least one example',
    received: '0',
    remedy: 'Add data to the data set.',
  });
  checkInputs(compiled, examples.inputs, examples.count, indices);
  checkTargets(compiled, examples, indices);
}

function checkTargets(
  compiled: CompiledModel,
  { targets, count }: Examples,
  indices?: ArrayLike<number>,
): void {
  const { targetsPerExample: each, classes } = compiled;
  check(targets.length === count * each, 'data.wrong-shape', 'The targets do not match the examples.', {
    path: 'targets',
    expected: `${count * each} targets`,
    received: String(targets.length),
  });
  const path = (i: number): string => {
    const example = exampleName(Math.floor(i / each), indices);
    return each === 1 ? example : `${example}, target ${i % each}`;
  };
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i]!;
    if (compiled.target === 'class') {
      if (Number.isInteger(target) && target >= 0 && target < classes) continue;
      throw new MurmurationError(
        'data.unknown-label',
        'An example has a label the federation does not know.',
        {
          path: path(i),
          expected: `a class index from 0 to ${classes - 1}`,
          remedy: 'Import the data again with the labels of this federation.',
        },
      );
    }
    check(Number.isFinite(target), 'data.invalid-value', 'An example has a target that is not a number.', {
      path: path(i),
      expected: 'a finite number',
    });
  }
}

/**
 * @throws `data.wrong-shape` on a wrong length; `data.invalid-value` on an input that is not finite, or not the id
 * of a token.
 */
export function checkInputs(
  compiled: CompiledModel,
  inputs: Float32Array | Uint8Array,
  count: number,
  indices?: ArrayLike<number>,
): void {
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
  const { inputKind } = compiled;
  if (inputKind !== 'numbers') {
    const { vocabulary } = inputKind;
    for (let i = 0; i < inputs.length; i++) {
      const id = inputs[i]!;
      if (Number.isInteger(id) && id >= 0 && id < vocabulary) continue;
      throw badInput(
        compiled,
        i,
        'An input is not the id of a token.',
        `an integer from 0 to ${vocabulary - 1}`,
        indices,
      );
    }
  } else if (inputs instanceof Float32Array) {
    for (let i = 0; i < inputs.length; i++) {
      if (!Number.isFinite(inputs[i]!))
        throw badInput(compiled, i, 'An input is not a finite number.', 'a finite number', indices);
    }
  }
}

function badInput(
  { inputSize }: CompiledModel,
  index: number,
  summary: string,
  expected: string,
  indices: ArrayLike<number> | undefined,
): MurmurationError {
  return new MurmurationError('data.invalid-value', summary, {
    path: `${exampleName(Math.floor(index / inputSize), indices)}, number ${index % inputSize}`,
    expected,
    remedy: 'Correct or remove the row.',
  });
}

function exampleName(place: number, indices: ArrayLike<number> | undefined): string {
  return `example ${indices?.[place] ?? place}`;
}

/**
 * Rows of `inputs` at `indices`, as a tensor [indices.length, ...inputShape]: int32 for token ids, otherwise float32,
 * where bytes become bytes / 255.
 */
export function inputBatch(
  compiled: CompiledModel,
  inputs: Float32Array | Uint8Array,
  indices: ArrayLike<number>,
): Tensor {
  const size = compiled.inputSize;
  const shape = [indices.length, ...compiled.inputShape];
  if (compiled.inputKind !== 'numbers') {
    return tensor(gatherRows(inputs, size, indices, new Int32Array(indices.length * size)), shape, 'int32');
  }
  const batch = new Float32Array(indices.length * size);
  if (inputs instanceof Float32Array) gatherRows(inputs, size, indices, batch);
  else {
    for (let row = 0; row < indices.length; row++) {
      const start = indices[row]! * size;
      for (let k = 0; k < size; k++) batch[row * size + k] = BYTE_TO_UNIT[inputs[start + k]!]!;
    }
  }
  return tensor(batch, shape, 'float32');
}

/** Targets of the examples at `indices`: int32 classes or float32 values, [indices.length × targetsPerExample]. */
export function targetBatch(
  compiled: CompiledModel,
  targets: Float32Array | Uint16Array,
  indices: ArrayLike<number>,
): Tensor1D {
  const each = compiled.targetsPerExample;
  const length = indices.length * each;
  return compiled.target === 'class'
    ? tensor1d(gatherRows(targets, each, indices, new Int32Array(length)), 'int32')
    : tensor1d(gatherRows(targets, each, indices, new Float32Array(length)), 'float32');
}

function gatherRows<T extends Float32Array | Int32Array>(
  source: Float32Array | Uint8Array | Uint16Array,
  size: number,
  indices: ArrayLike<number>,
  into: T,
): T {
  for (let row = 0; row < indices.length; row++) {
    const start = indices[row]! * size;
    into.set(source.subarray(start, start + size), row * size);
  }
  return into;
}
