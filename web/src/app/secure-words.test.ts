import { describe, expect, it } from 'vitest';
import type { ParticipantId } from '../../../shared/identity/index.ts';
import type { SecureStage, SecureView } from '../session/secure-view.ts';
import { noticeLabel, noticeText, refusalWords, securedWords, secureStageWords } from './secure-words.ts';

const survivors = Array.from({ length: 10 }, (_, i) => String(i).padStart(22, 'A') as ParticipantId);

describe('securedWords', () => {
  it('says how many of the survivors confirmed each other', () => {
    expect(securedWords({ survivors, secure: { threshold: 7, confirmations: 7 } })).toBe(
      'Secure: 7 of 10 confirmed, threshold 7',
    );
  });

  it('claims nothing of a plain round, nor of a record from before there were secure ones', () => {
    expect(securedWords({ survivors, secure: null })).toBeUndefined();
    expect(securedWords({ survivors })).toBeUndefined();
  });
});

describe('refusalWords', () => {
  it.each([
    'secagg.bad-signature',
    'secagg.bad-key',
    'secagg.bad-share',
    'secagg.below-threshold',
    'secagg.inconsistent',
    'secagg.already-revealed',
    'secagg.wrong-ring',
    'secagg.check-failed',
    'secagg.transcript-invalid',
    'round.owner-lost',
    'round.too-few-participants',
    'round.diverged',
    'round.conflicting-slice',
    'round.refused',
  ])('%s is a round that could not be made secure, for a reason of its own', (code) => {
    const { title, why } = refusalWords({ round: 4, code });
    expect(title).toBe('Round 4 was refused: it could not be made secure.');
    expect(why).not.toContain(code);
    expect(why).toMatch(/^[A-Z].*\.$/);
  });

  it('does not call a slow round insecure', () => {
    expect(refusalWords({ round: 4, code: 'round.deadline' }).title).toBe('Round 4 was given up.');
  });

  it('names a code that this page does not know', () => {
    expect(refusalWords({ round: 4, code: 'secagg.from-the-future' }).why).toContain(
      'secagg.from-the-future',
    );
  });
});

it('shows what secure aggregation refuses as refused, not as an error', () => {
  const notice = { atMs: 0, level: 'error', text: 'The sum of slice 2 could not be unmasked.' } as const;
  expect(noticeLabel(notice)).toBe('Error');
  expect(noticeText(notice)).toBe(notice.text);
  const refused = { ...notice, code: 'secagg.bad-share' } as const;
  expect(noticeLabel(refused)).toBe('Refused');
  expect(noticeText(refused)).toContain('does not fit what it had committed to');
  expect(noticeLabel({ ...notice, level: 'info' })).toBeUndefined();
});

it('says of every stage what it waits for', () => {
  const view: SecureView = {
    round: 2,
    stage: 'keys',
    members: 10,
    keys: 9,
    shares: 8,
    threshold: 7,
    survivors: 8,
    confirmations: 7,
  };
  const words = (stage: SecureStage) => secureStageWords({ ...view, stage });
  expect(words('shares')).toContain('keys of 9 of 10');
  expect(words('ready')).toContain('Shares of 8 of 10');
  expect(words('confirming')).toBe('Confirming the 8 who are in the sum: 7 of 10 have to.');
  expect(words('revealing')).toContain('7 confirmed, threshold 7');
  const stages = [
    'keys',
    'shares',
    'waiting',
    'ready',
    'masking',
    'sending',
    'confirming',
    'revealing',
    'checking',
  ];
  expect(new Set(stages.map((stage) => words(stage as SecureStage))).size).toBe(stages.length);
});
