import { expect, it } from 'vitest';
import type { ErrorRecord } from '../../../shared/errors/index.ts';
import { admissionWords, deviceRefusalWords, isAboutLedger } from './refusal-words.ts';

const error = (code: ErrorRecord['code']): ErrorRecord => ({ code, message: 'The figures.' });

it.each([
  'privacy.budget-exceeded',
  'privacy.ledger-locked',
  'ledger.broken-chain',
  'privacy.policy-unmet',
  'privacy.policy-changed',
  'privacy.invalid-parameter',
  'round.repeated',
  'round.wrong-base',
  'round.wrong-cohort',
  'round.unfair-draw',
] as const)('says of %s what it means and what there is to do', (code) => {
  const { title, why, todo } = deviceRefusalWords(error(code), 7);
  expect(title).toBe('This device refused round 7.');
  expect(why).toMatch(/ Nothing was sent\.$/);
  expect(why).not.toContain('The figures.');
  expect(todo).toMatch(/^[A-Z].*\.$/);
});

it('shows the message itself of what it does not know', () => {
  const { title, why, todo } = deviceRefusalWords(error('round.refused'), undefined);
  expect(title).toBe('This device refused to take part.');
  expect(why).toBe('The figures.');
  expect(todo).toContain('Nothing was sent.');
});

it('leads to the page of the data where a person can do something there', () => {
  expect(isAboutLedger(error('privacy.budget-exceeded'))).toBe(true);
  expect(isAboutLedger(error('round.repeated'))).toBe(false);
});

it.each(['participant.blocked', 'participant.quarantined'] as const)(
  'says of %s that the server does it, not this device',
  (code) => {
    const { title, why, todo } = deviceRefusalWords(error(code), 7);
    expect(title).not.toContain('refused');
    expect(why).not.toContain('Nothing was sent');
    expect(todo).toContain('below');
  },
);

it.each(['access.not-admitted', 'access.invitation-used', 'access.expired', 'access.revoked'] as const)(
  'says of %s whom to ask',
  (code) => {
    const { title, why, todo } = deviceRefusalWords(error(code), undefined);
    expect(title).not.toContain('refused');
    expect(why).not.toContain('The figures.');
    expect(todo).toMatch(/\bask\b/i);
  },
);

it('says to whom a federation is not open what lets them in, and nothing of other errors', () => {
  expect(admissionWords(error('http.unauthorized'))?.todo).toContain('invitation link');
  expect(admissionWords(error('access.expired'))?.title).toBe('What let you in has expired.');
  expect(admissionWords(error('http.unavailable'))).toBeUndefined();
});
