/**
 * What assembly/index.ts exports, as TypeScript sees it. Pointers are byte offsets into the heap, of float32 arrays
 * unless said otherwise; sizes count numbers.
 */
export interface NativeKernels {
  /** 96 floating-point operations per iteration, on registers only. */
  peakMulAdd(iterations: number): number;
}
