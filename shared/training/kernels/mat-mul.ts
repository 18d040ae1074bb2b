import { backend_util, type TensorInfo } from '@tensorflow/tfjs-core';
import { MurmurationError } from '../../errors/index.ts';
import { nativeKernels } from '../native/module.ts';
import { pointerOf, type WasmBackend } from './wasm-backend.ts';

export interface Transposition {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const scratches = new WeakMap<object, number>();

/** Where {@link multiplyMatrices} packs: 512 kB, allocated once per heap and kept. */
export function matMulScratch(backend: WasmBackend): number {
  const { memory } = backend.wasm.asm;
  const known = scratches.get(memory);
  if (known !== undefined) return known;
  const bytes = nativeKernels(backend).matMulScratchBytes();
  // Above 2 GB the pointer comes as a negative number.
  const pointer = backend.wasm._malloc(bytes) >>> 0;
  if (pointer === 0) {
    throw new MurmurationError('training.failed', 'No memory is left to multiply matrices in.', {
      expected: `${bytes} free bytes`,
      remedy: 'Close other pages, or train with smaller batches.',
    });
  }
  scratches.set(memory, pointer);
  return pointer;
}

/**
 * op(A)·op(B) for matrices in the last two dimensions; those before them are broadcast. A is [..., m, k], or
 * [..., k, m] when transposed; B is [..., k, n] or [..., n, k]; the product is a new tensor [..., m, n].
 * @throws `training.failed` for shapes that do not fit and for other types than float32.
 */
export function multiplyMatrices(
  a: TensorInfo,
  b: TensorInfo,
  { transposeA, transposeB }: Transposition,
  backend: WasmBackend,
): TensorInfo {
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [inner, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (a.dtype !== 'float32' || b.dtype !== 'float32' || k !== inner) {
    throw new MurmurationError('training.failed', 'These matrices cannot be multiplied.', {
      expected: 'float32, with equal inner dimensions',
      received: `${a.dtype} [${a.shape}]${transposeA ? 'ᵀ' : ''} and ${b.dtype} [${b.shape}]${transposeB ? 'ᵀ' : ''}`,
    });
  }
  const aBatch = a.shape.slice(0, -2);
  const bBatch = b.shape.slice(0, -2);
  const batch = backend_util.assertAndGetBroadcastShape(aBatch, bBatch);
  const product = backend.makeOutput([...batch, m, n], 'float32');
  // Pointers are taken, and the scratch allocated, after the last allocation that may fail.
  const scratch = matMulScratch(backend);
  const { matMul } = nativeKernels(backend);
  const pointers = { a: pointerOf(a, backend), b: pointerOf(b, backend), c: pointerOf(product, backend) };
  const multiply = (
    count: number,
    rows: number,
    from: number,
    aFrom: number,
    bFrom: number,
    strides: Strides,
  ) =>
    matMul(
      count,
      rows,
      n,
      k,
      pointers.a + 4 * m * k * aFrom,
      strides.a,
      aColumns,
      transposeA,
      pointers.b + 4 * k * n * bFrom,
      strides.b,
      bColumns,
      transposeB,
      pointers.c + 4 * m * n * from,
      m * n,
      n,
      false,
      scratch,
    );
  const [aCount, bCount, count] = [sizeOf(aBatch), sizeOf(bBatch), sizeOf(batch)];
  if (bCount === 1 && aCount === count && !transposeA) {
    // One B for all: the matrices of A stand on top of each other and are one.
    multiply(1, count * m, 0, 0, 0, { a: 0, b: 0 });
  } else if ((aCount === count || aCount === 1) && (bCount === count || bCount === 1)) {
    multiply(count, m, 0, 0, 0, { a: aCount === 1 ? 0 : m * k, b: bCount === 1 ? 0 : k * n });
  } else {
    for (let i = 0; i < count; i++) {
      multiply(1, m, i, broadcastIndex(i, batch, aBatch), broadcastIndex(i, batch, bBatch), { a: 0, b: 0 });
    }
  }
  return product;
}

/** Numbers from one matrix to the next. */
interface Strides {
  readonly a: number;
  readonly b: number;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Which element of an array of shape `source` stands at place `index` once it is broadcast to `shape`. */
function broadcastIndex(index: number, shape: readonly number[], source: readonly number[]): number {
  let place = 0;
  let stride = 1;
  for (let fromEnd = 1; fromEnd <= source.length; fromEnd++) {
    const size = shape.at(-fromEnd)!;
    const own = source.at(-fromEnd)!;
    if (own > 1) place += (index % size) * stride;
    index = Math.floor(index / size);
    stride *= own;
  }
  return place;
}
