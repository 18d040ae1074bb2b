import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { expect, test } from 'vitest';
import { attemptPlan } from './attempt-plan.ts';
import { boxKey, checkKeys, pairMaskKey, pairMaskSign, selfMaskKey } from './key-schedule.ts';
import { makeCohort } from './testing.ts';
import type { KeyAdvert, SecureParameters } from './types.ts';

test('HKDF-SHA-256 is that of RFC 5869, appendices A.1 and A.3', () => {
  const ikm = hexToBytes('0b'.repeat(22));
  const okm = hkdf(
    sha256,
    ikm,
    hexToBytes('000102030405060708090a0b0c'),
    hexToBytes('f0f1f2f3f4f5f6f7f8f9'),
    42,
  );
  expect(bytesToHex(okm)).toBe(
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  );
  expect(bytesToHex(hkdf(sha256, ikm, new Uint8Array(0), new Uint8Array(0), 42))).toBe(
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  );
});

test('one secret gives another key for every purpose, pair, public key and attempt', () => {
  const { parameters } = makeCohort({ size: 4 });
  const { context, cohort } = parameters;
  const attempt = { term: 1, round: 7, attempt: 3 };
  const variants: SecureParameters[] = [
    parameters,
    { ...parameters, context: { ...context, run: 'other' } },
    { ...parameters, context: { ...context, attempt } },
    { ...parameters, context: { ...context, federationRevision: 4 } },
    { ...parameters, context: { ...context, baseHash: '1'.repeat(64) } },
    { ...parameters, cohort: cohort.toReversed() },
    { ...parameters, ring: { bits: 32 } },
    { ...parameters, vectorLength: 102 },
    { ...parameters, sliceCount: 4 },
  ];
  const secret = new Uint8Array(32).fill(1);
  const advert = (index: number, fill: number): KeyAdvert => ({
    participant: cohort[index]!,
    identityKey: new Uint8Array(32),
    maskKey: new Uint8Array(32).fill(fill),
    cipherKey: new Uint8Array(32).fill(fill + 1),
    weight: 1,
    signature: new Uint8Array(64),
  });
  const [a, b, c] = [advert(0, 10), advert(1, 20), advert(1, 30)];
  const keys = variants.flatMap((variant) => {
    const plan = attemptPlan(variant);
    const { row, pad } = checkKeys(plan, secret, cohort[0]!);
    return [
      pairMaskKey(plan, secret, a, b),
      pairMaskKey(plan, secret, a, c),
      boxKey(plan, secret, a, b),
      boxKey(plan, secret, b, a),
      boxKey(plan, secret, a, c),
      selfMaskKey(plan, secret, cohort[0]!),
      selfMaskKey(plan, secret, cohort[1]!),
      row,
      pad,
    ].map(bytesToHex);
  });
  expect(new Set(keys).size).toBe(9 * variants.length);
});

test('both ends of a pair derive one key, and opposite signs', () => {
  const { parameters } = makeCohort({ size: 4 });
  const plan = attemptPlan(parameters);
  const advert = (index: number): KeyAdvert => ({
    participant: parameters.cohort[index]!,
    identityKey: new Uint8Array(32),
    maskKey: new Uint8Array(32).fill(index),
    cipherKey: new Uint8Array(32),
    weight: 1,
    signature: new Uint8Array(64),
  });
  const secret = new Uint8Array(32).fill(1);
  expect(pairMaskKey(plan, secret, advert(0), advert(2))).toEqual(
    pairMaskKey(plan, secret, advert(2), advert(0)),
  );
  expect([pairMaskSign(0, 2), pairMaskSign(2, 0)]).toEqual([1, -1]);
});
