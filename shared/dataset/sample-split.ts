import { checkInteger } from '../errors/index.ts';
import { seededRandom, shuffle } from '../random/index.ts';

/** Which part of the handwritten digits a device takes. */
export interface SampleRequest {
  readonly offset: number;
  readonly count: number;
  /** Only these digits; all of them where absent. */
  readonly labels?: readonly number[];
}

export interface SplitOptions {
  readonly shard: number;
  readonly examplesPerShard: number;
  /** `iid`: every shard holds all digits. `by-label`: each holds two. */
  readonly split: 'iid' | 'by-label';
  /** Devices that share the seed and `examplesPerShard` get disjoint shards. */
  readonly seed: string;
}

export const TRAIN_DIGITS = 60_000;
/** Digits that the server gives out in one answer: 7.85 MB. */
export const MAX_REQUEST_DIGITS = 10_000;
/** The rarest pair of digits in the MNIST training set is 5 (5,421) with 4 (5,842) or 8 (5,851): round down. */
const DIGITS_PER_PAIR = 11_000;

/** How many disjoint shards there are. */
export function shardCount({
  examplesPerShard,
  split,
}: Pick<SplitOptions, 'examplesPerShard' | 'split'>): number {
  checkInteger('examplesPerShard', examplesPerShard, 1, split === 'iid' ? TRAIN_DIGITS : DIGITS_PER_PAIR);
  return split === 'iid'
    ? Math.floor(TRAIN_DIGITS / examplesPerShard)
    : 5 * Math.floor(DIGITS_PER_PAIR / examplesPerShard);
}

/**
 * The range of the digits that shard number `shard` is, in the server's fixed order, in which the digits are
 * already shuffled: the seed only decides which shard gets which range, and which digits are paired.
 * @throws `argument.invalid` when there are not so many shards.
 */
export function sampleRequest(options: SplitOptions): SampleRequest {
  const { shard, examplesPerShard: count, split, seed } = options;
  const shards = shardCount(options);
  checkInteger('shard', shard, 0, shards - 1);
  const random = seededRandom(`sample digits/${split}/${seed}`);
  if (split === 'iid') {
    const places = Uint32Array.from({ length: shards }, (_, i) => i);
    shuffle(places, random);
    return { offset: places[shard]! * count, count };
  }
  const digits = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  shuffle(digits, random);
  const pair = shard % 5;
  const labels = [digits[2 * pair]!, digits[2 * pair + 1]!].sort((a, b) => a - b);
  return { offset: Math.floor(shard / 5) * count, count, labels };
}
