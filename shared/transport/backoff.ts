import type { CryptoRandom } from '../random/index.ts';

const FIRST_MS = 50;
const BASE_MS = 500;
const CAP_MS = 10_000;

/**
 * How long to wait before the next try, after `failures` in a row: at once, then from half a second doubling
 * up to ten, each shortened by a random part of up to half, so that those whom one failure cut off do not all
 * come back in the same moment.
 */
export function backoffMs(failures: number, random: CryptoRandom): number {
  const full = failures === 0 ? FIRST_MS : Math.min(CAP_MS, BASE_MS * 2 ** (failures - 1));
  const [byte] = random.bytes(1);
  return full * (1 - byte! / 512);
}
