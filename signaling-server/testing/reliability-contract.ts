import { beforeEach, describe, expect, test } from 'vitest';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Attended, Outcome } from '../reliability/attendance.ts';
import { reputationOf } from '../reliability/reputation.ts';
import type { OpenedRepository } from './repository-contract.ts';

const [ALICE, BOB] = ['A', 'B'].map((letter) => letter.repeat(22) as ParticipantId) as [
  ParticipantId,
  ParticipantId,
];
const MINUTE_MS = 60_000;
const attemptOf = (round: number) => ({ term: 1, round, attempt: 0 });

function attended(participant: ParticipantId, outcome: Outcome, changes: Partial<Attended> = {}): Attended {
  const survived = outcome === 'survived';
  return {
    participant,
    outcome,
    code: undefined,
    trained: survived,
    uploaded: survived,
    trainMs: survived ? 100 : undefined,
    ...changes,
  };
}

/** What the server keeps of how participants keep their appointments; the same for every database. */
export function reliabilityContract(name: string, opened: () => OpenedRepository): void {
  describe(`reliability on ${name}`, () => {
    const repository = () => opened().repository;
    beforeEach(() => opened().clear());
    const note = (round: number, ...participants: Attended[]) =>
      repository().noteAttempt('one', 'run', { attempt: { term: 1, round, attempt: 0 }, participants });

    test('every outcome is counted in its place', async () => {
      await note(1, attended(ALICE, 'survived'), attended(BOB, 'missed-deadline'));
      await note(
        2,
        attended(ALICE, 'survived', { trainMs: 300 }),
        attended(BOB, 'dropped-out', { trained: true }),
      );
      await note(3, attended(ALICE, 'rejected', { code: 'update.overflow', trained: true, uploaded: true }));
      await note(4, attended(ALICE, 'released'));
      const [alice, bob] = await repository().listReliability('one', 10);
      expect(alice).toMatchObject({
        participant: ALICE,
        invitations: 4,
        trained: 3,
        uploaded: 3,
        survived: 2,
        rejections: 1,
        missedDeadlines: 0,
        dropOuts: 0,
        trainMsSum: 400,
      });
      // s = 0.98 · (0.98 + 1), f = 2: what was released is no evidence, and forgets none.
      expect(alice!.successes).toBeCloseTo(1.9404, 12);
      expect(alice!.failures).toBe(2);
      expect(bob).toMatchObject({ invitations: 2, trained: 1, missedDeadlines: 1, dropOuts: 1 });
      // f = 0.98 · 1 + 0.5.
      expect(bob!.failures).toBeCloseTo(1.48, 12);
    });

    test('an attempt that is told of again changes nothing; federations are kept apart', async () => {
      await note(1, attended(ALICE, 'survived'));
      const once = await repository().listReliability('one', 10);
      expect(await note(1, attended(ALICE, 'survived'))).toEqual(once);
      expect(await repository().listReliability('one', 10)).toEqual(once);
      expect(await repository().listReliability('two', 10)).toEqual([]);
    });

    test('refusing for the sake of privacy is counted, and costs no reputation', async () => {
      await note(1, attended(ALICE, 'survived'));
      const [before] = await repository().listReliability('one', 10);
      for (const [i, code] of [
        'privacy.budget-exceeded',
        'privacy.policy-changed',
        'ledger.broken-chain',
      ].entries())
        await note(2 + i, attended(ALICE, 'refused', { code }));
      const [after] = await repository().listReliability('one', 10);
      expect(after!.refusals).toEqual({
        'privacy.budget-exceeded': 1,
        'privacy.policy-changed': 1,
        'ledger.broken-chain': 1,
      });
      expect(reputationOf(after!)).toBe(reputationOf(before!));
      await note(9, attended(ALICE, 'refused', { code: 'training.failed' }));
      const [last] = await repository().listReliability('one', 10);
      expect(reputationOf(last!)).toBeLessThan(reputationOf(before!));
    });

    test('codes that participants make up do not pile up', async () => {
      for (let i = 0; i < 40; i++) {
        const code = `made.up-${'abcdefghijklmnopqrstuvwxyz'[i % 26]}${i < 26 ? '' : 'x'}`;
        await note(i, attended(ALICE, 'refused', { code }));
      }
      await note(50, attended(ALICE, 'refused', { code: 'a\u0000b' }));
      const [alice] = await repository().listReliability('one', 1);
      expect(Object.keys(alice!.refusals)).toHaveLength(33);
      expect(alice!.refusals.other).toBe(9);
    });

    test('of servers that note at once, nothing is lost', async () => {
      const rounds = [1, 2, 3, 4, 5, 6];
      await Promise.all(rounds.map((round) => note(round, attended(ALICE, 'survived'))));
      expect((await repository().listReliability('one', 1))[0]).toMatchObject({
        invitations: 6,
        survived: 6,
      });
    });

    test('more participants than fit one statement', async () => {
      const many = Array.from({ length: 2500 }, (_, i) =>
        attended(String(i).padStart(22, '0') as ParticipantId, 'survived'),
      );
      expect(await note(1, ...many)).toHaveLength(2500);
    });

    test('what group sums tell is kept once for each round, of those that are known', async () => {
      await note(1, attended(ALICE, 'survived'));
      expect(await repository().readReputations('one')).toEqual(new Map());
      const told = { suspicion: 0.1 + 0.2, contribution: -0.25, rounds: 1 };
      const reputations = new Map([
        [ALICE, told],
        [BOB, told],
      ]);
      await repository().saveReputations('one', 'run', attemptOf(1), reputations);
      const later = new Map([[ALICE, { ...told, rounds: 2 }]]);
      await repository().saveReputations('one', 'run', attemptOf(1), later);
      expect(await repository().readReputations('one')).toEqual(new Map([[ALICE, told]]));
      await repository().saveReputations('one', 'run', attemptOf(2), later);
      expect(await repository().readReputations('one')).toEqual(later);
      expect(await repository().listReliability('one', 1)).toMatchObject([
        { suspicion: 0.1 + 0.2, contribution: -0.25, scoredRounds: 2 },
      ]);
    });

    test('a quarantine ends by itself, the next lasts longer, and the evidence begins anew', async () => {
      await note(1, attended(ALICE, 'rejected'));
      const first = await repository().quarantine(
        'one',
        ALICE,
        'unreliable',
        (before) => (before + 1) * MINUTE_MS,
      );
      expect(first).toMatchObject({ state: 'quarantined', federation: 'one', reason: 'unreliable' });
      expect(first.untilMs! - first.sinceMs).toBe(MINUTE_MS);
      expect(await repository().listReliability('one', 1)).toMatchObject([
        { successes: 0, failures: 0, rejections: 1 },
      ]);
      expect(await repository().standingOf('one', ALICE)).toEqual(first);
      expect(await repository().standingOf('two', ALICE)).toBeUndefined();
      expect(await repository().quarantine('one', ALICE, 'anomalous', () => 1)).toEqual(first);
      expect(await repository().clear(ALICE, 'quarantined')).toEqual(['one']);
      expect(await repository().standingOf('one', ALICE)).toBeUndefined();
      const second = await repository().quarantine(
        'one',
        ALICE,
        'unreliable',
        (before) => (before + 1) * MINUTE_MS,
      );
      expect(second.untilMs! - second.sinceMs).toBe(2 * MINUTE_MS);
      await repository().quarantine('two', BOB, 'unreliable', () => -1);
      expect(await repository().standingOf('two', BOB)).toBeUndefined();
    });

    test('a block is for every federation, comes before a quarantine, and stays until it is lifted', async () => {
      await repository().quarantine('one', ALICE, 'unreliable', () => MINUTE_MS);
      const block = await repository().block(ALICE, 'ähm, "quotes"');
      expect(block).toMatchObject({ state: 'blocked', federation: undefined, untilMs: null });
      for (const federation of ['one', 'two'])
        expect(await repository().standingOf(federation, ALICE)).toEqual(block);
      expect((await repository().listStandings('one')).map(({ state }) => state).sort()).toEqual([
        'blocked',
        'quarantined',
      ]);
      expect(await repository().clear(ALICE, 'blocked')).toEqual(['']);
      expect(await repository().clear(ALICE, 'blocked')).toEqual([]);
      expect(await repository().standingOf('one', ALICE)).toMatchObject({ state: 'quarantined' });
    });
  });
}
