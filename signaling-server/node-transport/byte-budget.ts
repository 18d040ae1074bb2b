/** Bytes of memory that may be set aside at one time. */
export interface ByteBudget {
  /** @returns false, and reserves nothing, when that would be too much. */
  reserve(byteLength: number): boolean;
  release(byteLength: number): void;
}

export function createByteBudget(maxBytes: number): ByteBudget {
  let reserved = 0;
  return {
    reserve(byteLength) {
      if (reserved + byteLength > maxBytes) return false;
      reserved += byteLength;
      return true;
    },
    release(byteLength) {
      reserved -= byteLength;
    },
  };
}
