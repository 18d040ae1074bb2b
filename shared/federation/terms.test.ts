import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseFederation, policyHash, policyTerms, sampleFederations } from './index.ts';

const plain = parseFederation(sampleFederations[0]!);

test('V-07: the hash is over a first line and the canonical JSON of the terms', () => {
  const { privacy, paths, evaluation, cohort, strategy, id } = plain;
  expect(policyTerms(plain)).toEqual({
    federation: id,
    privacy,
    paths,
    evaluation,
    minParticipants: cohort.minParticipants,
    clipNorm: strategy.clipNorm,
    inspected: 'nothing',
    selection: 'other',
    strategy: 'fedavg',
  });
  expect(policyHash(plain)).toMatch(/^[0-9a-f]{64}$/);
  // Members in another order are the same terms.
  const reversed = Object.fromEntries(Object.entries(plain).reverse()) as typeof plain;
  expect(policyHash(reversed)).toBe(policyHash(plain));
  expect(createHash('sha256').update('murmuration terms 1\n').digest('hex')).not.toBe(policyHash(plain));
});

test('V-07: what a person agreed to changes it, and nothing else does', () => {
  const with_ = (changes: object) => policyHash(parseFederation({ ...sampleFederations[0]!, ...changes }));
  const base = policyHash(plain);
  expect(with_({ name: 'Another title' })).toBe(base);
  expect(with_({ revision: plain.revision + 1 })).toBe(base);
  expect(with_({ paths: ['server'] })).not.toBe(base);
  expect(with_({ strategy: { ...plain.strategy, clipNorm: 3 } })).not.toBe(base);
  expect(with_({ id: 'another' })).not.toBe(base);
});
