import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { expect, test } from 'vitest';
import { type FixedPoint, quantize } from '../compress/index.ts';
import { hasCode } from '../errors/index.ts';
import { webCryptoRandom } from '../random/index.ts';
import { type ClippedUpdate, staged } from '../update/index.ts';
import { messageSchemas } from '../wire/index.ts';
import { type Gf128, gf128, gf128FromBytes, gf128FromInteger, gf128ToBytes } from './gf128.ts';
import { evaluatePolynomial, interpolate, lagrangeWeights } from './lagrange.ts';
import { primeField } from './prime-field.ts';
import { addVector, ringOf, toCentred, toRing, wrap } from './ring.ts';
import { type PlacedShare, reconstructSecret, shareSecret } from './shamir.ts';
import { nobleSuite } from './suite-noble.ts';

/**
 * Runs the vectors of group "secagg" that lie beside the repository in shared/reference/vectors.json. Handlers go by the
 * beginning of a vector's name and by its inputs, so that more of the same kind need no change here; a vector that no
 * handler knows fails. The key figures are quoted in gf128.test.ts, shamir.test.ts, lagrange.test.ts and ring.test.ts too,
 * for where the file is not at hand.
 */
const FILE = resolve(import.meta.dirname, '../../../shared/reference/vectors.json');

interface Vector {
  readonly name: string;
  readonly group: string;
  readonly inputs: Inputs;
  readonly expected: Readonly<Record<string, unknown>>;
  readonly tolerance: { readonly type: 'exact' | 'abs' | 'rel'; readonly value?: number };
}
// biome-ignore lint/suspicious/noExplicitAny: the inputs of each kind have another shape; handlers fail where they differ.
type Inputs = Readonly<Record<string, any>>;
type Results = Readonly<Record<string, unknown>>;
type Handler = (inputs: Inputs, expected: Results) => Results | Promise<Results>;

const random = webCryptoRandom(crypto);
const suite = nobleSuite(random);
const fromHex = (hex: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(hex, 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const HANDLERS: readonly (readonly [RegExp, Handler])[] = [
  [/^shamir_gf2_128_/, shamir],
  [/^gf2_/, fieldArithmetic],
  [/^flower_shamir_/, flowerShamir],
  [/^flower_quantize/, flowerQuantize],
  [/^flower_dequantize/, flowerDequantize],
  [/^flower_secaggplus_defaults/, flowerDefaults],
  [/^flsim_fixedpoint_/, flsimFixedPoint],
  [/^flsim_tofloat_/, ({ fixedpoint, scaling_factor }) => ({ x: fixedpoint / scaling_factor })],
  [/^tff_modular_clip_/, ({ x, lo, hi }) => ({ result: wrap(x, lo, hi) })],
  [/^tff_modular_sum_/, modularSum],
  [/^fedml_lagrange_/, fedmlWeights],
  [/^fedml_lcc_encode/, ({ p, X, alpha_s, beta_s }) => ({ encoded: interpolateRows(p, alpha_s, X, beta_s) })],
  [/^fedml_lcc_decode/, fedmlDecode],
  [/^fedml_finite_field_/, fedmlFiniteField],
  [/^hkdf_sha256_/, hkdf],
  [/^x25519_scalarmult_/, scalarMultiplication],
  [/^x25519_shared/, sharedSecret],
];

const vectors: readonly Vector[] = existsSync(FILE)
  ? JSON.parse(readFileSync(FILE, 'utf8')).vectors.filter(({ group }: Vector) => group === 'secagg')
  : [];

test('the reference vectors are at hand, or this says that they are not', () => {
  if (!existsSync(FILE))
    return console.info('No shared/reference/vectors.json beside the repository: quoted figures only.');
  expect(vectors.length).toBeGreaterThan(0);
});

// No group around them: where the file is absent it would be empty, which fails.
for (const vector of vectors)
  test(`reference vector ${vector.name}`, async () => {
    const handler = HANDLERS.find(([name]) => name.test(vector.name))?.[1];
    if (handler === undefined) throw new Error(`No handler for the vector "${vector.name}" of group secagg.`);
    const results = await handler(vector.inputs, vector.expected);
    expect(Object.keys(results)).toEqual(expect.arrayContaining(Object.keys(vector.expected)));
    for (const [key, value] of Object.entries(vector.expected))
      expectWithin(vector.tolerance, results[key], value);
  });

function expectWithin({ type, value = 0 }: Vector['tolerance'], actual: unknown, expected: unknown): void {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    expect(actual).toHaveLength(expected.length);
    for (const [i, item] of expected.entries()) expectWithin({ type, value }, actual[i], item);
  } else if (typeof expected === 'number' && type !== 'exact') {
    const allowed = type === 'rel' ? value * Math.abs(expected) : value;
    expect(Math.abs((actual as number) - expected)).toBeLessThanOrEqual(allowed);
  } else expect(actual === 0 ? 0 : actual).toEqual(expected);
}

/**
 * With a secret and coefficients: the shares, each subset of which has to give the secret back. With shares: the secret,
 * the same from each subset. In ssss mode the polynomial has one more term, x^threshold, which is taken off or put on here.
 */
function shamir({ threshold, ssss, secret, coefficients, shares }: Inputs, expected: Results): Results {
  if (shares !== undefined) {
    const plain = shares.map(([x, hex]: [number, string]) => ({
      x,
      share: ssssTerm(x, threshold, ssss, fromHex(hex)),
    }));
    const secrets = subsets<PlacedShare>(plain, threshold).map((held) =>
      toHex(reconstructSecret(held, threshold)),
    );
    expect(new Set(secrets).size).toBe(1);
    return { secret: secrets[0] };
  }
  expect(coefficients).toHaveLength(threshold - 1);
  const polynomial = [secret, ...coefficients].map((hex: string) => gf128FromBytes(fromHex(hex)));
  const made = (expected.shares as [number, string][]).map(([x]): [number, string] => {
    const value = gf128ToBytes(evaluatePolynomial(gf128, polynomial, gf128FromInteger(x)));
    return [x, toHex(ssssTerm(x, threshold, ssss, value))];
  });
  expect(shamir({ threshold, ssss, shares: made }, {})).toEqual({ secret });
  // The product's own sharing, given these coefficients for randomness.
  const fixed = { kind: 'crypto', bytes: () => fromHex(coefficients.join('')) } as const;
  const xs = made.map(([x]) => x);
  const dealt = shareSecret(fromHex(secret), xs, threshold, fixed);
  expect(dealt.map((share, i) => toHex(ssssTerm(xs[i]!, threshold, ssss, share)))).toEqual(
    made.map(([, hex]) => hex),
  );
  return { shares: made };
}

function ssssTerm(x: number, threshold: number, ssss: boolean, share: Uint8Array): Uint8Array {
  if (!ssss) return share;
  const power = evaluatePolynomial(
    gf128,
    [...new Array(threshold).fill(gf128.zero), gf128.one],
    gf128FromInteger(x),
  );
  return gf128ToBytes(gf128.add(gf128FromBytes(share), power));
}

function subsets<T>(items: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return items.flatMap((item, i) => subsets(items.slice(i + 1), size - 1).map((rest) => [item, ...rest]));
}

/** Polynomials over GF(2) as integers. Below x^128 a carry-less product is a product of the field. */
function fieldArithmetic({ a, b }: Inputs, expected: Results): Results {
  const left = elementOf(a);
  const right = b === undefined ? gf128.one : elementOf(b);
  const show = (key: string, element: Gf128): unknown => {
    if (expected[key] === undefined) return undefined;
    // Written as the vector writes it, where it is the same element.
    return gf128.isZero(gf128.subtract(element, elementOf(expected[key])))
      ? expected[key]
      : toHex(gf128ToBytes(element));
  };
  return {
    product: show('product', gf128.multiply(left, right)),
    sum: show('sum', gf128.add(left, right)),
    ...(gf128.isZero(left) ? {} : { inverse: show('inverse', gf128.inverse(left)) }),
  };
}

/** A number, "2^127", "0x…" or decimal digits; what lies above x^127 is reduced. */
function elementOf(written: unknown): Gf128 {
  const power = /^(\d+)\^(\d+)$/.exec(String(written));
  let rest = power === null ? BigInt(written as string) : BigInt(power[1]!) ** BigInt(power[2]!);
  const bits: Gf128[] = [];
  for (; rest > 0n; rest >>= 1n) bits.push(rest & 1n ? gf128.one : gf128.zero);
  return evaluatePolynomial(gf128, bits, gf128FromInteger(2));
}

function flowerShamir({ secret_utf8, threshold, num }: Inputs): Results {
  const places = Array.from({ length: num }, (_, i) => i + 1);
  const pad = (bytes: Uint8Array): Uint8Array => {
    const count = 16 - (bytes.length % 16);
    return Uint8Array.of(...bytes, ...new Array(count).fill(count));
  };
  const deal = (text: string): PlacedShare[] => {
    const shares = shareSecret(pad(Buffer.from(text)), places, threshold, random);
    return shares.map((share, i) => ({ x: places[i]!, share }));
  };
  const gives = (held: readonly PlacedShare[], text: string, needed = threshold): boolean =>
    toHex(reconstructSecret(held, needed)) === toHex(pad(Buffer.from(text)));
  const shares = deal(secret_utf8);
  const [first, ...others] = shares;
  const tampered = { x: first!.x, share: first!.share.map((byte, i) => (i === 0 ? byte ^ 1 : byte)) };
  const few = shares.slice(0, threshold - 1);
  expect(() => reconstructSecret(few, threshold)).toThrow(
    expect.objectContaining({ code: 'secagg.below-threshold' }),
  );
  return {
    [`every_${threshold}_subset_reconstructs`]: subsets(shares, threshold).every((held) =>
      gives(held, secret_utf8),
    ),
    two_shares_reconstruct: gives(shares.slice(0, 2), secret_utf8, 2),
    tampered_share_reconstructs: gives([tampered, ...others], secret_utf8),
    empty_secret_roundtrip: gives(deal(''), ''),
  };
}

/** round(x · scale) by the product's quantizer, whose weight is the scale here. It refuses what 32 bits do not hold. */
function roundScaled(x: number, scale: number): number {
  const fixedPoint: FixedPoint = { fractionalBits: 0, clipNorm: (2 ** 31 - 1) / scale, maxWeight: scale };
  const update = { layoutHash: '', delta: Float32Array.of(x), clipNorm: fixedPoint.clipNorm, weight: scale };
  return quantize(staged<ClippedUpdate>(update), fixedPoint).values[0]!;
}

/** Flower clips to ± the range and shifts it to start at zero; our integers are centred. */
function flowerQuantize({ x, clipping_range, target_range }: Inputs): Results {
  const clip = (value: number) => Math.max(-clipping_range, Math.min(clipping_range, value));
  const scale = target_range / (2 * clipping_range);
  return { q: x.map((value: number) => roundScaled(clip(value), scale) + target_range / 2) };
}

function flowerDequantize({ q, clipping_range, target_range }: Inputs): Results {
  const ring = ringOf(target_range / 2, 1);
  const centred = toCentred(
    toRing(
      Int32Array.from(q, (value: number) => value - target_range / 2),
      ring,
    ),
    ring,
  );
  return { values: [...centred].map((value) => (value * 2 * clipping_range) / target_range) };
}

/** What Flower's workflow allows at most fits our widest ring, and each of its stages is a message here. */
function flowerDefaults(_: Inputs, expected: Results): Results {
  const { max_weight, quantization_range, clipping_range, min_num_shares } = expected as Record<
    string,
    number
  >;
  const { bits } = ringOf(quantization_range! / 2, max_weight!);
  expect(flowerQuantize({ x: [clipping_range], clipping_range, target_range: quantization_range })).toEqual({
    q: [quantization_range],
  });
  const secret = random.bytes(16);
  const places = Array.from({ length: min_num_shares! }, (_, i) => i + 1);
  const shares = shareSecret(secret, places, min_num_shares!, random).map((share, i) => ({
    x: places[i]!,
    share,
  }));
  expect(reconstructSecret(shares, min_num_shares!)).toEqual(secret);
  const names = Object.entries({
    setup: 'keys',
    share_keys: 'shares',
    collect_masked_vectors: 'slice',
    unmask: 'reveal',
  });
  const order = Object.keys(messageSchemas);
  const stages = names.filter(([, message]) => order.includes(message)).map(([stage]) => stage);
  return { max_weight, quantization_range, clipping_range, min_num_shares, modulus_range: 2 ** bits, stages };
}

/** FLSim saturates where the product refuses. */
function flsimFixedPoint({ x, num_bytes, scaling_factor }: Inputs): Results {
  const limit = 2 ** (8 * num_bytes - 1);
  const saturate = (value: number) => Math.max(-limit, Math.min(limit - 1, value));
  try {
    const rounded = roundScaled(x, scaling_factor);
    const ring = [16, 24, 32].find((bits) => bits === 8 * num_bytes) as 16 | 24 | 32 | undefined;
    const enter = () => toRing(Int32Array.of(rounded), { bits: ring! });
    if (ring !== undefined && saturate(rounded) !== rounded)
      expect(enter).toThrow(expect.objectContaining({ code: 'update.overflow' }));
    if (ring !== undefined && saturate(rounded) === rounded)
      expect(toCentred(enter(), { bits: ring })).toEqual(Int32Array.of(rounded));
    return { fixedpoint: saturate(rounded) };
  } catch (error) {
    if (!hasCode(error, 'update.overflow')) throw error;
    return { fixedpoint: saturate(x * scaling_factor) };
  }
}

/** By wrapping, and where the range is that of a ring by the ring itself. */
function modularSum({ lo, hi, clients }: Inputs): Results {
  const total = clients.reduce((sum: number, x: number) => sum + wrap(x, lo, hi), 0);
  const bits = ([16, 24, 32] as const).find((width) => lo === -(2 ** (width - 1)) && hi === 2 ** (width - 1));
  if (bits !== undefined) {
    const sum = toRing(Int32Array.of(0), { bits });
    for (const x of clients) addVector(sum, toRing(Int32Array.of(wrap(x, lo, hi)), { bits }), { bits });
    expect(toCentred(sum, { bits })[0]).toBe(wrap(total, lo, hi));
  }
  return { sum: wrap(total, lo, hi) };
}

const inField = (p: number, values: readonly number[]): bigint[] =>
  values.map((value) => primeField(BigInt(p)).reduce(BigInt(value)));

/** Row i holds the weights that carry values at beta_s to alpha_s[i]. */
function fedmlWeights({ p, alpha_s, beta_s }: Inputs): Results {
  const [alphas, betas] = [inField(p, alpha_s), inField(p, beta_s)];
  return { U: alphas.map((at) => lagrangeWeights(primeField(BigInt(p)), betas, at).map(Number)) };
}

/** Column by column, the polynomial through (from_i, rows_i) at each of `to`. */
function interpolateRows(
  p: number,
  from: readonly number[],
  rows: readonly (readonly number[])[],
  to: readonly number[],
): number[][] {
  const field = primeField(BigInt(p));
  const columns = rows[0]!.map((_, c) =>
    inField(
      p,
      rows.map((row) => row[c]!),
    ),
  );
  return inField(p, to).map((at) =>
    columns.map((ys) => Number(interpolate(field, inField(p, from), ys, at))),
  );
}

function fedmlDecode({ p, encoded_rows, eval_points, target_points }: Inputs): Results {
  return { X: interpolateRows(p, eval_points, encoded_rows, target_points) };
}

/** Negative numbers in the upper half of the field. */
function fedmlFiniteField({ x, q_bits, p }: Inputs): Results {
  const q = inField(
    p,
    x.map((value: number) => roundScaled(value, 2 ** q_bits)),
  ).map(Number);
  const dequantized = q.map((value) => wrap(value, -(p - 1) / 2, (p + 1) / 2) / 2 ** q_bits);
  return { q, dequantized };
}

function hkdf({ ikm, salt = '', info = '', L }: Inputs): Results {
  const prk = extract(sha256, fromHex(ikm), fromHex(salt));
  return { prk: toHex(prk), okm: toHex(expand(sha256, prk, fromHex(info), L)) };
}

async function scalarMultiplication({ scalar, u }: Inputs): Promise<Results> {
  return { output: toHex(await suite.agree(fromHex(scalar), fromHex(u))) };
}

async function sharedSecret({ alicePrivate, alicePublic, bobPrivate, bobPublic }: Inputs): Promise<Results> {
  expect(toHex(await suite.publicKeyOf(fromHex(alicePrivate)))).toBe(alicePublic);
  expect(toHex(await suite.publicKeyOf(fromHex(bobPrivate)))).toBe(bobPublic);
  const shared = toHex(await suite.agree(fromHex(alicePrivate), fromHex(bobPublic)));
  expect(toHex(await suite.agree(fromHex(bobPrivate), fromHex(alicePublic)))).toBe(shared);
  return { shared };
}
