import { beforeEach, describe, expect, test } from 'vitest';
import { type ParticipantId, SERVER } from '../../shared/identity/index.ts';
import type { AttemptId, Message, MessageOf, RoundRecord } from '../../shared/wire/index.ts';
import { type Attendance, type AttendedAttempt, createAttendance, type Outcome } from './attendance.ts';

const ids = [...'ABCDE'].map((letter) => letter.repeat(22) as ParticipantId);
const [A, B, C, D, E] = ids as [ParticipantId, ParticipantId, ParticipantId, ParticipantId, ParticipantId];
const run = 'run';
const attempt: AttemptId = { term: 1, round: 1, attempt: 0 };
const TRAIN_MS = 1000;

let abandoned: AttendedAttempt[];
let attendance: Attendance;
beforeEach(() => {
  abandoned = [];
  attendance = createAttendance((attended) => abandoned.push(attended));
});

function invite(cohort = ids, of = attempt, group?: { index: number; count: number }): void {
  const plan = {
    revision: 0,
    cohort,
    owners: [SERVER],
    survivors: null,
    tally: 0,
    ...(group === undefined ? {} : { group }),
  };
  const message: MessageOf<'invite'> = {
    type: 'invite',
    run,
    attempt: of,
    federationRevision: 1,
    base: { version: 0, hash: 'a'.repeat(64) },
    holders: [],
    plan: plan as MessageOf<'invite'>['plan'],
    trainMs: TRAIN_MS,
    exchangeMs: 500,
    applyMs: 500,
  };
  for (const id of cohort) attendance.message('out', id, message, 0);
}
const say = (from: ParticipantId, message: Message, atMs = 100): void =>
  attendance.message('in', from, message, atMs);
const trained = (of = attempt): Message => ({ type: 'trained', run, attempt: of });
const uploaded: Message = { type: 'uploaded', run, attempt, revision: 0, undeliverable: [] };
const refuse = (code: string): Message => ({ type: 'refuse', run, attempt, code, reason: '' });
const reject = (participant: ParticipantId): Message => ({
  type: 'reject',
  run,
  attempt,
  participant,
  code: 'update.overflow',
});
const abandon = (group?: number): Message => ({
  type: 'abandon',
  run,
  attempt,
  code: 'round.too-few-participants',
  reason: '',
  ...(group === undefined ? {} : { group }),
});

function recordOf(survivors: ParticipantId[], changes: Partial<RoundRecord> = {}): RoundRecord {
  return {
    ...attempt,
    coordinator: SERVER,
    federationRevision: 1,
    baseHash: 'a'.repeat(64),
    hash: 'b'.repeat(64),
    survivors,
    dropped: [],
    startedAtMs: 0,
    trainMs: TRAIN_MS,
    exchangeMs: 500,
    applyMs: 1,
    evaluation: null,
    secure: null,
    ...changes,
  };
}
const outcomes = (attended: AttendedAttempt | undefined): Readonly<Record<string, Outcome>> =>
  Object.fromEntries(attended!.participants.map(({ participant, outcome }) => [participant[0]!, outcome]));

describe('of a committed round', () => {
  test('everyone invited is told apart by what became of it', () => {
    invite();
    say(A, trained(), 250);
    say(A, uploaded, 300);
    say(B, refuse('privacy.budget-exceeded'));
    attendance.departed(C);
    say(D, trained());
    attendance.message('in', SERVER, reject(D), 400);
    const attended = attendance.committed(recordOf([A]));
    expect(attended!.participants).toEqual([
      { participant: A, outcome: 'survived', code: undefined, trained: true, uploaded: true, trainMs: 250 },
      {
        participant: B,
        outcome: 'refused',
        code: 'privacy.budget-exceeded',
        trained: false,
        uploaded: false,
        trainMs: undefined,
      },
      {
        participant: C,
        outcome: 'dropped-out',
        code: undefined,
        trained: false,
        uploaded: false,
        trainMs: undefined,
      },
      {
        participant: D,
        outcome: 'rejected',
        code: 'update.overflow',
        trained: true,
        uploaded: false,
        trainMs: 100,
      },
      {
        participant: E,
        outcome: 'missed-deadline',
        code: undefined,
        trained: false,
        uploaded: false,
        trainMs: undefined,
      },
    ]);
  });

  test('it is told once, and not again when its evaluation is known', () => {
    invite();
    expect(attendance.committed(recordOf(ids))).toBeDefined();
    expect(attendance.committed(recordOf(ids))).toBeUndefined();
  });

  test('whoever was cut off before its time was up did nothing wrong', () => {
    invite();
    for (const id of [A, B]) say(id, trained());
    say(A, uploaded);
    expect(outcomes(attendance.committed(recordOf([A], { trainMs: 300, exchangeMs: 20 })))).toEqual({
      A: 'survived',
      B: 'released',
      C: 'released',
      D: 'released',
      E: 'released',
    });
  });

  test('whoever trained and did not send in time missed that deadline', () => {
    invite([A, B]);
    for (const id of [A, B]) say(id, trained());
    say(A, uploaded);
    expect(outcomes(attendance.committed(recordOf([A], { trainMs: 300 })))).toEqual({
      A: 'survived',
      B: 'missed-deadline',
    });
  });

  test('what comes first counts, and a survivor that left afterwards survived', () => {
    invite([A, B]);
    attendance.message('in', SERVER, reject(A), 1);
    attendance.departed(A);
    attendance.departed(B);
    expect(outcomes(attendance.committed(recordOf([B])))).toEqual({ A: 'rejected', B: 'survived' });
  });

  test('of others it knows nothing', () => {
    expect(attendance.committed(recordOf([A]))).toBeUndefined();
    invite();
    expect(attendance.committed(recordOf([A], { attempt: 7 }))).toBeUndefined();
  });
});

test('whoever is cut off is released, and the attempt goes on for the others', () => {
  invite();
  say(A, trained());
  attendance.message(
    'out',
    E,
    { type: 'abandon', run, attempt, code: 'round.cut-off', reason: '' },
    TRAIN_MS,
  );
  expect(abandoned).toEqual([]);
  attendance.message('out', A, abandon(), TRAIN_MS);
  expect(outcomes(abandoned[0])).toMatchObject({ A: 'released', B: 'missed-deadline', E: 'released' });
});

describe('of an abandoned attempt', () => {
  test('who kept the others waiting is told from who waited', () => {
    invite();
    say(A, trained());
    say(B, refuse('training.failed'));
    attendance.message('out', A, abandon(), TRAIN_MS);
    attendance.message('out', B, abandon(), TRAIN_MS);
    expect(abandoned).toHaveLength(1);
    expect(outcomes(abandoned[0])).toEqual({
      A: 'released',
      B: 'refused',
      C: 'missed-deadline',
      D: 'missed-deadline',
      E: 'missed-deadline',
    });
  });

  test('before the deadline nobody is late', () => {
    invite([A, B]);
    attendance.message('out', A, abandon(), TRAIN_MS / 2);
    expect(outcomes(abandoned[0])).toEqual({ A: 'released', B: 'released' });
  });

  test('one of several groups ends without the others', () => {
    invite([A, B], attempt, { index: 0, count: 2 });
    invite([C, D], attempt, { index: 1, count: 2 });
    attendance.message('out', C, abandon(1), 1);
    expect(outcomes(abandoned[0])).toEqual({ C: 'released', D: 'released' });
    expect(outcomes(attendance.committed(recordOf([A, B])))).toEqual({ A: 'survived', B: 'survived' });
  });
});

test('one participant cannot accuse another, and nobody is heard in an attempt that it is not in', () => {
  invite([A, B]);
  say(B, reject(A));
  say(A, reject(A));
  say(C, refuse('training.failed'));
  say(A, trained({ ...attempt, attempt: 9 }));
  attendance.message('in', SERVER, { ...reject(B), attempt: { ...attempt, round: 9 } } as Message, 1);
  const attended = attendance.committed(recordOf([A, B]));
  expect(outcomes(attended)).toEqual({ A: 'survived', B: 'survived' });
  expect(attended!.participants[0]!.trained).toBe(false);
});
