import type { KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs-core';
import { check } from '../../errors/index.ts';
import { nativeKernels } from '../native/module.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

/**
 * Sums of the rows of x, [rows, …], by segment: [numSegments, …]. It is the gradient of a gather, so of an embedding,
 * and the WASM package lacks it. A row whose id is negative or not below numSegments belongs to none.
 */
export function nativeUnsortedSegmentSum(): KernelConfig {
  const kernelFunc = (({ inputs, backend, attrs }) => {
    const { x, segmentIds } = inputs as { x: TensorInfo; segmentIds: TensorInfo };
    const { numSegments } = attrs as { numSegments: number };
    return segmentSum(x, segmentIds, numSegments, backend as unknown as WasmBackend);
  }) as KernelFunc;
  return { kernelName: 'UnsortedSegmentSum', backendName: 'wasm', kernelFunc };
}

function segmentSum(x: TensorInfo, ids: TensorInfo, segments: number, backend: WasmBackend): TensorInfo {
  const [rows = 0, ...rowShape] = x.shape;
  check(
    ids.dtype === 'int32' && ids.shape.length === 1 && ids.shape[0] === rows,
    'argument.invalid',
    'The segment ids do not fit the rows.',
    { expected: `int32 [${rows}]`, received: `${ids.dtype} [${ids.shape.join(', ')}]` },
  );
  check(x.dtype === 'float32', 'argument.invalid', 'Only float32 is summed by segment on WASM.', {
    expected: 'float32',
    received: x.dtype,
  });
  const row = rowShape.reduce((product, size) => product * size, 1);
  const sums = backend.makeOutput([segments, ...rowShape], 'float32');
  nativeKernels(backend).segmentSum(
    pointerOf(x, backend),
    pointerOf(ids, backend),
    rows,
    row,
    segments,
    pointerOf(sums, backend),
  );
  return sums;
}
