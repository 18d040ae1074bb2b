import { checkInteger } from '../errors/index.ts';
import { seededRandom } from '../random/index.ts';

/** Of `length` coordinates the part that is trained and sent: at least one. SPEC Z-02. */
export function keptCount(length: number, keep: number): number {
  return Math.min(length, Math.max(1, Math.ceil(keep * length)));
}

/**
 * `count` of `length` coordinates, ascending: the flat vector, turned by a random offset, is cut into `count` stretches of
 * near-equal length, and one coordinate is drawn from each. Each is as likely as any other over rounds, and every
 * layer has its share in every round, but for one at either end. O(count), integers only: the same on every device. SPEC Z-02.
 * @param label public, and fixed before anyone trains: the hash of the base model.
 */
export function keptCoordinates(length: number, count: number, label: string): Uint32Array<ArrayBuffer> {
  checkInteger('length', length, 1, 2 ** 31 - 1);
  checkInteger('count', count, 1, length);
  const random = seededRandom(`kept/${label}`);
  const offset = random.below(length);
  const turned = new Uint32Array(count);
  let beyond = count;
  for (let i = 0; i < count; i++) {
    const start = Math.floor((i * length) / count);
    const end = Math.floor(((i + 1) * length) / count);
    const drawn = offset + start + (end - start === 1 ? 0 : random.below(end - start));
    if (drawn < length) turned[i] = drawn;
    else {
      beyond = Math.min(beyond, i);
      turned[i] = drawn - length;
    }
  }
  const kept = new Uint32Array(count);
  kept.set(turned.subarray(beyond));
  kept.set(turned.subarray(0, beyond), count - beyond);
  return kept;
}
