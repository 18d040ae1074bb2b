import { simd } from './binary.generated.ts';

/** What assembly/index.ts exports. Pointers are byte offsets into the heap. */
interface Kernels {
  addWords(target: number, source: number, bytes: number): void;
  sumWeighted(
    rows: number,
    weights: number,
    count: number,
    from: number,
    width: number,
    sums: number,
    onTop: boolean,
  ): void;
  addRow(row: number, weight: number, width: number, sums: number): void;
  /** 0 where a sum is not finite. */
  roundSums(sums: number, width: number, out: number, scale: number): number;
  /** 0 where a number is not finite. */
  medianOfRows(
    rows: number,
    stride: number,
    count: number,
    width: number,
    scratch: number,
    out: number,
  ): number;
  trimmedMeanOfRows(
    rows: number,
    stride: number,
    count: number,
    width: number,
    scratch: number,
    out: number,
    trim: number,
  ): number;
  largestMagnitude(numbers: number, bytes: number): number;
  addSquares(
    rows: number,
    stride: number,
    count: number,
    width: number,
    from: number,
    to: number,
    squares: number,
    columns: number,
    scratch: number,
  ): void;
  addSquaresExactly(
    rows: number,
    stride: number,
    count: number,
    width: number,
    from: number,
    to: number,
    squares: number,
    columns: number,
  ): void;
}

export interface NativeKernels extends Kernels {
  /** The heap with at least so many bytes. One that was had before is not to be used any more. */
  heapOf(bytes: number): ArrayBuffer;
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
/** The part that we use, of what TypeScript knows only with the types of a host. */
interface WebAssemblyHost {
  readonly Memory: { new (size: { initial: number }): Memory };
  readonly Module: { new (binary: Uint8Array<ArrayBuffer>): object };
  readonly Instance: {
    new (
      module: object,
      imports: { readonly env: { readonly memory: Memory } },
    ): { readonly exports: unknown };
  };
  validate(binary: Uint8Array<ArrayBuffer>): boolean;
}

const PAGE_BYTES = 1 << 16;

let known: { readonly module: object | undefined; readonly kernels: NativeKernels | undefined } | undefined;

/**
 * The instance of this thread, made when it is first asked for; `undefined` where the engine has no WebAssembly with SIMD or
 * a page's policy forbids it: the loops in JavaScript give the same results.
 */
export function nativeKernels(): NativeKernels | undefined {
  return load().kernels;
}

/** One more, with a heap of its own that goes with it. */
export function ownKernels(): NativeKernels | undefined {
  const { module } = load();
  return module === undefined ? undefined : instantiate(module);
}

function load(): NonNullable<typeof known> {
  if (known !== undefined) return known;
  const host = hostOf();
  const binary = Uint8Array.from(atob(simd), (character) => character.charCodeAt(0));
  try {
    const module = host?.validate(binary) ? new host.Module(binary) : undefined;
    known = { module, kernels: module && instantiate(module) };
  } catch {
    // A content security policy refuses what is valid; JavaScript does it.
    known = { module: undefined, kernels: undefined };
  }
  return known;
}

function instantiate(module: object): NativeKernels {
  const { Instance, Memory } = hostOf()!;
  const memory = new Memory({ initial: 1 });
  const { exports } = new Instance(module, { env: { memory } });
  return {
    ...(exports as Kernels),
    heapOf(bytes) {
      const missing = bytes - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
      return memory.buffer;
    },
  };
}

function hostOf(): WebAssemblyHost | undefined {
  return (globalThis as unknown as { readonly WebAssembly?: WebAssemblyHost }).WebAssembly;
}
