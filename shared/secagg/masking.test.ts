import { expect, test } from 'vitest';
import { applyMasks, type Mask } from './masking.ts';
import type { CryptoSuite } from './suite.ts';

/** A suite whose keystreams repeat one 16-bit word, the first of the key. */
const constant: Pick<CryptoSuite, 'keystream'> = {
  async keystream(key, _offset, length) {
    const words = new Uint16Array(length / 2).fill(new DataView(key.buffer).getUint16(0));
    return new Uint8Array(words.buffer);
  },
};
const RING = { bits: 16 } as const;

function mask(word: number, sign: 1 | -1): Mask {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint16(0, word);
  return { key, sign };
}

async function masked(value: number, ...masks: Mask[]): Promise<number> {
  const vector = Uint16Array.of(value);
  await applyMasks(vector, masks, 0, RING, constant as CryptoSuite);
  return vector[0]!;
}

test('A-11: the worked example of the protocol', async () => {
  const [m01, m02, m12] = [100, 2000, 30_000];
  const sent = [
    await masked(5, mask(11, 1), mask(m01, 1), mask(m02, 1)),
    await masked(7, mask(12, 1), mask(m01, -1), mask(m12, 1)),
    await masked(65_534, mask(13, 1), mask(m02, -1), mask(m12, -1)),
  ];
  expect(sent).toEqual([2116, 29_919, 33_547]);
  const sum = sent.reduce((total, value) => total + value) % 65_536;
  expect(sum).toBe(46);
  expect(await masked(sum, mask(11, -1), mask(12, -1), mask(13, -1))).toBe(5 + 7 - 2);
});
