import { chacha12 } from '@noble/ciphers/chacha.js';
import {
  add,
  engine,
  type NamedAttrMap,
  type NamedTensorMap,
  type Tensor,
  tensor,
} from '@tensorflow/tfjs-core';
import { hasKernel } from './kernel.ts';

/** What a stream of noise follows from. */
export interface NoiseStream {
  /** 32 bytes, uniformly random and secret. */
  readonly key: Uint8Array<ArrayBuffer>;
  /** Below 2³². Streams of one key and different nonces have nothing to do with each other. */
  readonly nonce: number;
}

/** From four blocks of the cipher, of 16 words of 32 bits each, come 64 numbers. */
const NUMBERS = 64;
const BLOCK_WORDS = 16;
const LANES = 4;
/** Radii of 31 bits below this take 32 bits more, from blocks that are counted from here. */
const SMALL = 2 ** 16;
const LOWER_BLOCKS = 2 ** 31;

/**
 * Each tensor plus independent normal numbers of mean 0, by the method of Box and Muller (1958), the i-th of the
 * stream of nonce i. Takes the tensors over: the results may be the same tensors, changed.
 */
export function addGaussian(
  tensors: readonly Tensor[],
  key: NoiseStream['key'],
  standardDeviation: number,
): Tensor[] {
  if (hasKernel('AddGaussian')) {
    const inputs = tensors as unknown as NamedTensorMap;
    engine().runKernel('AddGaussian', inputs, { key, standardDeviation } as unknown as NamedAttrMap);
    return [...tensors];
  }
  return tensors.map((x, nonce) => {
    const noise = tensor(gaussianNumbers({ key, nonce }, x.size, standardDeviation), x.shape, 'float32');
    const noisy = add(x, noise);
    noise.dispose();
    x.dispose();
    return noisy;
  });
}

/**
 * The numbers of a stream, in doubles. Its keystream is that of ChaCha12 (RFC 8439, section 2.3, with 12 rounds; the
 * nonce is the first word of the cipher's). Of each four blocks, word w of each of them gives a radius and word w + 8
 * an angle: these make numbers 8w to 8w + 7, four cosines and then four sines.
 *
 * A radius is √(−2 ln u) with u = (h + ½)·2⁻³¹ from the upper 31 bits h of its word. Where h is small, that would be
 * coarse, and end at 6.7 standard deviations, which over many numbers an observer could tell: there,
 * u = (h·2³² + l + ½)·2⁻⁶³ with the word l of the same place in the block 2³¹ further on. So u has steps of less than
 * 2⁻¹⁶ of itself, and numbers reach 9.4 standard deviations.
 */
export function gaussianNumbers(
  stream: NoiseStream,
  count: number,
  standardDeviation: number,
): Float32Array<ArrayBuffer> {
  const fours = Math.ceil(count / NUMBERS);
  const words = keystream(stream, 0, fours * LANES);
  const numbers = new Float32Array(fours * NUMBERS);
  for (let pair = 0; pair < numbers.length / 2; pair++) {
    const group = Math.floor(pair / LANES);
    const [place, lane] = [group % 8, pair % LANES];
    const block = Math.floor(group / 8) * LANES + lane;
    const high = words[block * BLOCK_WORDS + place]! >>> 1;
    const low = () => keystream(stream, LOWER_BLOCKS + block, 1)[place]!;
    const radius = standardDeviation * Math.sqrt(-2 * logOfUniform(high, low));
    const angle = (2 * Math.PI * words[block * BLOCK_WORDS + place + 8]!) / 2 ** 32;
    numbers[group * 8 + lane] = radius * Math.cos(angle);
    numbers[group * 8 + LANES + lane] = radius * Math.sin(angle);
  }
  words.fill(0);
  return numbers.slice(0, count);
}

/** ln u, close to u = 1 from what is missing to it. */
function logOfUniform(high: number, low: () => number): number {
  if (high < SMALL) return Math.log((high * 2 ** 32 + low() + 0.5) / 2 ** 63);
  if (high < 2 ** 30) return Math.log((high + 0.5) / 2 ** 31);
  return Math.log1p(-(2 ** 31 - high - 0.5) / 2 ** 31);
}

function keystream({ key, nonce }: NoiseStream, block: number, blocks: number): Uint32Array {
  const nonceBytes = new Uint8Array(12);
  new DataView(nonceBytes.buffer).setUint32(0, nonce, true);
  const bytes = new Uint8Array(blocks * BLOCK_WORDS * 4);
  chacha12(key, nonceBytes, bytes, bytes, block);
  // Words are little-endian in the RFC, as on every machine that runs a browser.
  return new Uint32Array(bytes.buffer);
}
