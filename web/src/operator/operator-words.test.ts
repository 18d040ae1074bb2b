import { expect, it } from 'vitest';
import {
  configFacts,
  invitationTag,
  progressOf,
  relativeWords,
  roundsWords,
  shortId,
  statusTag,
  validityTag,
} from './operator-words.ts';

const NOW = Date.UTC(2026, 10, 23);
const HOUR = 3_600_000;

it('says how far a training is', () => {
  expect(progressOf({ round: 3, config: { maxRounds: 12 } })).toBe(0.25);
  expect(progressOf({ round: 13, config: { maxRounds: 12 } })).toBe(1);
  expect(progressOf({ round: 3, config: {} })).toBeUndefined();
  expect(roundsWords({ round: 3, config: { maxRounds: 12 } })).toBe('3 of 12 rounds');
  expect(roundsWords({ round: 1, config: {} })).toBe('1 round');
});

it('names a status as people do', () => {
  expect(statusTag('SUCCEEDED')).toEqual({ text: 'Done', tone: 'good' });
  expect(statusTag('FAILED').tone).toBe('bad');
});

it('lists only what was asked for', () => {
  expect(configFacts({})).toEqual([['Rounds', 'as the document says']]);
  expect(configFacts({ maxRounds: 5, earlyStopping: { metric: 'loss', patience: 1, minDelta: 0 } })).toEqual([
    ['Rounds', 'at most 5'],
    ['Early stopping', 'after 1 evaluation without a better loss'],
  ]);
});

it.each([
  [NOW + 3 * 24 * HOUR, 'in 3 days'],
  [NOW - 2 * HOUR, '2 hours ago'],
  [NOW + 61_000, 'in 1 minute'],
  [NOW - 59_000, 'now'],
])('%s is %s', (atMs, words) => {
  expect(relativeWords(atMs, NOW)).toBe(words);
});

it('says whether a key is good', () => {
  const key = { expiresAtMs: NOW + HOUR, revokedAtMs: null };
  expect(validityTag(key, NOW).text).toBe('Expires in 1 hour');
  expect(validityTag({ ...key, revokedAtMs: NOW }, NOW)).toEqual({ text: 'Revoked', tone: 'bad' });
  expect(validityTag({ ...key, expiresAtMs: NOW }, NOW).text).toBe('Expired');
  expect(validityTag({ ...key, expiresAtMs: null }, NOW).text).toBe('Good until revoked');
});

it('tells an invitation that is used up from one that expired', () => {
  const invitation = { expiresAtMs: NOW + HOUR, revokedAtMs: null, uses: 2, maxUses: 2 };
  expect(invitationTag(invitation, NOW).text).toBe('Used up');
  expect(invitationTag({ ...invitation, uses: 1 }, NOW).text).toBe('Expires in 1 hour');
  expect(invitationTag({ ...invitation, expiresAtMs: NOW }, NOW).text).toBe('Expired');
  expect(invitationTag({ ...invitation, revokedAtMs: NOW }, NOW).text).toBe('Revoked');
});

it('shortens a pseudonym', () => {
  expect(shortId('AAAAAAAABBBBBBBBCCCCCC')).toBe('AAAAAAAA');
});
