import { createCipheriv } from 'node:crypto';

const TOTAL_BYTES = 64 * 2 ** 20;
/** `cipher.update` cannot write in place: in one call it is page faults of new memory that count, in these it is AES. */
const STRETCHES = [2 ** 14, 2 ** 16, 2 ** 18, 2 ** 20];

/**
 * What AES-256-CTR does on one core of this machine: OpenSSL, with the processor's AES instructions, over 64 MiB under
 * one key. The best of all repetitions, not their median: one that is too low would flatter what is compared with it.
 * @returns GB/s.
 */
export function measureAesLimit(repetitions: number, nowMs: () => number): number {
  const zeros = Buffer.alloc(TOTAL_BYTES);
  let bestMs = Infinity;
  for (let i = 0; i < repetitions; i++) {
    for (const stretch of STRETCHES) {
      const cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, 1), Buffer.alloc(16));
      const start = nowMs();
      for (let at = 0; at < TOTAL_BYTES; at += stretch) cipher.update(zeros.subarray(at, at + stretch));
      bestMs = Math.min(bestMs, nowMs() - start);
    }
  }
  return TOTAL_BYTES / 1e6 / bestMs;
}
