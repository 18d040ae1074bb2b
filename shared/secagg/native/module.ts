import { simd } from './binary.generated.ts';

/** What assembly/index.ts exports. Pointers are byte offsets into the heap. */
interface Kernels {
  add16(target: number, source: number, bytes: number, mask: number): void;
  subtract16(target: number, source: number, bytes: number, mask: number): void;
  add32(target: number, source: number, bytes: number, mask: number): void;
  subtract32(target: number, source: number, bytes: number, mask: number): void;
  /** `out` is added to. `row` has length + 31 words. */
  toeplitz16(row: number, values: number, length: number, out: number): void;
  toeplitz32(row: number, values: number, length: number, out: number): void;
}

export interface WordKernels extends Kernels {
  /** What the kernels work on. Whoever calls them copies in and out between two awaits: nothing stays there. */
  readonly heap: Uint8Array<ArrayBuffer>;
}

interface Memory {
  readonly buffer: ArrayBuffer;
}
/** The part that we use, of what TypeScript knows only with the types of a host. */
interface WebAssemblyHost {
  readonly Memory: { new (size: { initial: number; maximum: number }): Memory };
  readonly Module: { new (binary: Uint8Array<ArrayBuffer>): object };
  readonly Instance: {
    new (
      module: object,
      imports: { readonly env: { readonly memory: Memory } },
    ): { readonly exports: unknown };
  };
  validate(binary: Uint8Array<ArrayBuffer>): boolean;
}

/** 64 KiB each: what words.ts lays out. */
const HEAP_PAGES = 2;

let known: { readonly kernels: WordKernels | undefined } | undefined;

/**
 * The module of this thread, made when it is first asked for; `undefined` where the engine has no WebAssembly with SIMD or
 * a page's policy forbids it: the loops in JavaScript give the same results.
 */
export function wordKernels(): WordKernels | undefined {
  known ??= { kernels: instantiate() };
  return known.kernels;
}

function instantiate(): WordKernels | undefined {
  const { WebAssembly } = globalThis as unknown as { readonly WebAssembly?: WebAssemblyHost };
  if (WebAssembly === undefined) return undefined;
  const binary = Uint8Array.from(atob(simd), (character) => character.charCodeAt(0));
  if (!WebAssembly.validate(binary)) return undefined;
  try {
    const memory = new WebAssembly.Memory({ initial: HEAP_PAGES, maximum: HEAP_PAGES });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } });
    return { ...(exports as Kernels), heap: new Uint8Array(memory.buffer) };
  } catch {
    return undefined; // a content security policy refuses what is valid; JavaScript does it
  }
}
