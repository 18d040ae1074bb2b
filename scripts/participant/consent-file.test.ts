import { describe, expect, test } from 'vitest';
import { parseFederation, policyHash, sampleFederations } from '../../shared/federation/index.ts';
import { checkAgreement } from './agreement.ts';
import { checkTerms, limitOf, parseConsent } from './consent-file.ts';
import { isWithin } from './hours.ts';
import { changesBetween, describeTerms } from './terms.ts';

const federation = parseFederation(sampleFederations[0]!);
const consentTo = (terms: string, more: object = {}) =>
  parseConsent(JSON.stringify({ federation: federation.id, terms, ...more }));

/** A state folder in memory. */
function memory() {
  const kept = new Map<string, unknown>();
  return {
    recall: async (name: string) => kept.get(name),
    remember: async (name: string, document: unknown) => void kept.set(name, structuredClone(document)),
  };
}

describe('a consent file', () => {
  test('has its defaults filled in', () => {
    expect(consentTo(policyHash(federation))).toEqual({
      federation: federation.id,
      terms: policyHash(federation),
      delta: 1e-5,
      device: { maxCpuShare: 1, coolDown: false },
    });
  });

  test.each([
    ['{', 'not JSON'],
    ['{"federation":"a"}', 'terms'],
    [JSON.stringify({ federation: 'a', terms: '0'.repeat(64), epsilonlimit: 1 }), 'epsilonlimit'],
    [JSON.stringify({ federation: 'a', terms: '0'.repeat(64), hours: { from: 22, to: 25 } }), 'hours.to'],
    [JSON.stringify({ federation: 'a', terms: '0'.repeat(64), device: { maxCpuShare: 0 } }), 'maxCpuShare'],
    [JSON.stringify({ federation: 'a', terms: '0'.repeat(64), maxRounds: 1.5 }), 'maxRounds'],
  ])('%s is refused, naming the field', (text, named) => {
    const refused = () => parseConsent(text);
    expect(refused).toThrow(named);
    expect(refused).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  });

  test('its limit is about records, unless the federation hides participants or it says so', () => {
    const consent = consentTo(policyHash(federation), { epsilonLimit: 3 });
    expect(limitOf(consent, federation)).toEqual({ unit: 'record', epsilon: 3, delta: 1e-5 });
    expect(limitOf({ ...consent, unit: 'participant' }, federation)?.unit).toBe('participant');
    expect(limitOf(consentTo(policyHash(federation)), federation)).toBeUndefined();
  });

  test('what --show-terms prints is agreed to by the consent file in it', () => {
    const [, after = ''] = describeTerms(federation).split('A consent file that agrees to it:\n');
    const consent = parseConsent(after.split('\n\nThe whole document:')[0]!);
    checkTerms(consent, federation, undefined);
  });
});

describe('terms that changed', () => {
  const changed = parseFederation({
    ...federation,
    revision: federation.revision + 1,
    strategy: { ...federation.strategy, clipNorm: 7 },
  });

  test('are refused by name, and what changed is said where the old ones were kept', async () => {
    const state = memory();
    const consent = consentTo(policyHash(federation));
    await checkAgreement(consent, federation, state);
    await expect(checkAgreement(consent, changed, state)).rejects.toMatchObject({
      code: 'privacy.policy-changed',
      facts: { received: expect.stringContaining('clipNorm: 20 → 7') },
    });
    // A refusal is not taken for an agreement.
    await expect(checkAgreement(consent, changed, state)).rejects.toMatchObject({
      code: 'privacy.policy-changed',
    });
    await checkAgreement(consentTo(policyHash(changed)), changed, state);
  });

  test('a revision that leaves them as they are is no change', async () => {
    const state = memory();
    const revised = parseFederation({ ...federation, revision: 9, name: 'Another name' });
    await checkAgreement(undefined, federation, state);
    await checkAgreement(undefined, revised, state);
    await checkAgreement(consentTo(policyHash(federation)), revised, state);
  });

  test('without a consent file the first start agrees, and to nothing else', async () => {
    const state = memory();
    await checkAgreement(undefined, federation, state);
    await checkAgreement(undefined, federation, state);
    await expect(checkAgreement(undefined, changed, state)).rejects.toMatchObject({
      code: 'privacy.policy-changed',
    });
  });

  test('a consent to another federation is no consent', () => {
    const other = parseConsent(JSON.stringify({ federation: 'other', terms: policyHash(federation) }));
    expect(() => checkTerms(other, federation, undefined)).toThrow(
      expect.objectContaining({ code: 'argument.invalid' }),
    );
  });

  test('changes are named by their path', () => {
    expect(changesBetween({ a: 1, b: { c: [1], d: 2 } }, { a: 1, b: { c: [2], d: 2 }, e: 3 })).toEqual([
      'b.c: [1] → [2]',
      'e: nothing → 3',
    ]);
  });
});

test.each([
  [undefined, 3, true],
  [{ from: 8, to: 18 }, 7.99, false],
  [{ from: 8, to: 18 }, 8, true],
  [{ from: 8, to: 18 }, 18, false],
  [{ from: 20, to: 6 }, 23, true],
  [{ from: 20, to: 6 }, 5.5, true],
  [{ from: 20, to: 6 }, 6, false],
  [{ from: 0, to: 24 }, 12, true],
])('the hours %o at %f: %s', (hours, hour, expected) => {
  const at = new Date(2026, 5, 1, Math.floor(hour), Math.round((hour % 1) * 60) % 60);
  expect(isWithin(hours, at)).toBe(expected);
});
