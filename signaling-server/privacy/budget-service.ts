import { check, MurmurationError } from '../../shared/errors/index.ts';
import { canonicalJson, type Federation } from '../../shared/federation/index.ts';
import { appendEntry, eventsOf, type PrivacyUnit, type TrustModel } from '../../shared/ledger/index.ts';
import type { PrivacyEvent } from '../../shared/privacy/index.ts';
import type { Account, Counted, CountedRelease, PrivacyRepository } from '../storage/privacy-repository.ts';
import { type BudgetEntry, type BudgetLimit, checkLimit } from './budget-entry.ts';
import { type Composer, type Exposure, merged } from './exposure.ts';
import { type PrivacyBudget, privacyBudgetOf, trustOf, warningOf } from './privacy-budget.ts';
import { checkSubject, type Subject, subjectKey, subjectsOfParticipant } from './subject.ts';

/** Four fifths of a limit, or all of it, are spent. */
export interface BudgetWarning {
  readonly code: NonNullable<PrivacyBudget['warning']>;
  readonly subject: Subject;
  readonly epsilon: number;
  readonly limit: BudgetLimit;
}

/** Where a subject that has a limit stands, whenever that was looked at. */
export interface BudgetShare {
  readonly subject: Subject;
  readonly epsilon: number;
  readonly limit: BudgetLimit;
}

export interface BudgetServiceOptions {
  readonly repository: PrivacyRepository & {
    getFederation(id: string): Promise<Federation>;
  };
  readonly composer: Composer;
  readonly onWarning: (warning: BudgetWarning) => void;
  readonly onReviewed?: (share: BudgetShare) => void;
  /** Limits of those that were given none of their own. */
  readonly usualLimit?: (subject: Subject) => BudgetLimit | undefined;
  readonly nowMs?: () => number;
}

export interface BudgetService {
  /** From now on; what was spent before counts. @throws `privacy.invalid-parameter`, `argument.invalid`. */
  setLimit(subject: Subject, limit: BudgetLimit): Promise<void>;
  /**
   * Charges all of these subjects with this event, or none of them; of charges that come at once, none is decided without the
   * others. The same again under the same `id` changes nothing.
   * @returns what each has spent now.
   * @throws `privacy.budget-exceeded` naming the subject whose limit it would exceed; `argument.invalid` for another charge under an
   * id that was used.
   */
  charge(id: string, subjects: readonly Subject[], event: PrivacyEvent): Promise<PrivacyBudget[]>;
  /** @throws `argument.invalid`; `federation.unknown`. */
  budgetOf(subject: Subject): Promise<PrivacyBudget>;
  /** Where each participant that released anything in a federation stands, by that federation's own limit. */
  spentIn(federation: string): Promise<SpentByParticipant[]>;
  /**
   * Says what is due of a federation, and of these participants, after something of theirs was released.
   * @returns those of them that have a chain of their own: what they release in other federations may bind them too.
   */
  review(federation: string, participants: readonly string[]): Promise<string[]>;
  /**
   * In how many more rounds that release `planned` this participant may take part: by the federation's own budget and by the
   * limits of federation and participant here.
   */
  roundsLeft(federation: Federation, participant: string, planned: PlannedEvents): Promise<number>;
  /** Lets go of what is remembered of a participant whose data was deleted. */
  forget(participant: string): void;
}

export interface SpentByParticipant
  extends Pick<PrivacyBudget, 'epsilon' | 'spent' | 'remaining' | 'warning'> {
  readonly participant: string;
  readonly releases: number;
}

/** What one more round would release, for each unit. */
export type PlannedEvents = Readonly<Record<PrivacyUnit, PrivacyEvent>>;

/** A delta to speak of where no limit names one. */
export const USUAL_DELTA = 1e-5;
/** Each time that another was first; beyond that something else is wrong. */
const MAX_TRIES = 100;

/** What a subject was exposed to, of its own chain and of the releases that this server saw. */
interface Standing {
  readonly subject: Subject;
  readonly account: Account;
  readonly limit: BudgetLimit | undefined;
  readonly unit: PrivacyUnit;
  readonly exposure: Exposure;
  readonly trust: readonly TrustModel[];
}

export function budgetService({
  repository,
  composer,
  onWarning,
  onReviewed,
  usualLimit,
  nowMs = Date.now,
}: BudgetServiceOptions): BudgetService {
  async function standingOf(subject: Subject): Promise<Standing> {
    checkSubject(subject);
    const account = await repository.readAccount(subject);
    const { kind, id } = subject;
    if (kind === 'participant') {
      const releases = await repository.countReleases({ participant: id });
      const unit = 'record';
      const exposure = [events(releases, unit)];
      return { subject, account, limit: account.limit, unit, exposure, trust: releases.flatMap(trustOfRow) };
    }
    if (kind === 'federation') {
      const federation = await repository.getFederation(id);
      const releases = await repository.countReleases({ federation: id });
      const unit = unitOf(federation);
      return {
        subject,
        account,
        limit: account.limit ?? federation.privacy.budget,
        unit,
        exposure: [...byParticipant(releases).values()].map((rows) => events(rows, unit)),
        trust: releases.flatMap(trustOfRow),
      };
    }
    const limit = account.limit ?? usualLimit?.(subject);
    return { subject, account, limit, unit: 'record', exposure: [[]], trust: [] };
  }

  const budgetIn = ({ subject, account, limit, unit, exposure, trust }: Standing): PrivacyBudget => {
    const delta = limit?.delta ?? USUAL_DELTA;
    const sum = composer.sum(exposure, account.charges, delta);
    return privacyBudgetOf({ subject, unit, sum, delta, limit, trust, atMs: nowMs() });
  };

  /** @returns what the charge leaves. @throws `privacy.budget-exceeded`. */
  function decide(standing: Standing, event: PrivacyEvent): Standing {
    const { subject, account, limit, exposure } = standing;
    const once = [{ event, count: 1 }];
    const after = { ...standing, account: { ...account, charges: merged([...account.charges, ...once]) } };
    if (limit === undefined) return after;
    const path = subjectKey(subject);
    const { epsilon } = composer.sum(exposure, after.account.charges, limit.delta);
    check(epsilon <= limit.epsilon, 'privacy.budget-exceeded', 'The privacy budget does not allow it.', {
      path,
      expected: `epsilon ${limit.epsilon} at delta ${limit.delta} at most`,
      received: `epsilon ${rounded(epsilon)}`,
      remedy: 'Add more noise, use fewer steps, or raise the limit.',
    });
    if (limit.epsilonPerQuery === undefined) return after;
    const alone = composer.sum([], once, limit.delta).epsilon;
    check(alone <= limit.epsilonPerQuery, 'privacy.budget-exceeded', 'No single charge may cost that much.', {
      path: `${path}/epsilon_per_query`,
      expected: `epsilon ${limit.epsilonPerQuery} at delta ${limit.delta} at most for each`,
      received: `epsilon ${rounded(alone)}`,
      remedy: 'Add more noise, or use fewer steps at a time.',
    });
    return after;
  }

  /** What was said of each subject last: a warning is worth one line, not one for each round. */
  const said = new Map<string, BudgetWarning['code']>();
  function warn({ subject, account, limit, exposure }: Standing): void {
    if (limit === undefined) return;
    const { epsilon } = composer.sum(exposure, account.charges, limit.delta);
    onReviewed?.({ subject, epsilon, limit });
    const code = warningOf(epsilon, limit);
    const key = subjectKey(subject);
    if (code === null) said.delete(key);
    else if (said.get(key) !== code) {
      said.set(key, code);
      onWarning({ code, subject, epsilon, limit });
    }
  }

  /** Those that this process decides wait for each other; those of other servers find their place taken. */
  let turn: Promise<void> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = turn.then(work);
    turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  async function chargeAll(
    id: string,
    subjects: readonly Subject[],
    event: PrivacyEvent,
  ): Promise<PrivacyBudget[]> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const standings = await Promise.all(subjects.map(standingOf));
      const known = await Promise.all(subjects.map((subject) => repository.findCharge(subject, id)));
      if (known.some((each) => each !== undefined)) {
        const isSame = known.every(
          (each) => each !== undefined && canonicalJson(each) === canonicalJson(event),
        );
        check(isSame, 'argument.invalid', 'Another charge has this id.', { path: 'id' });
        return Promise.all(subjects.map(async (subject) => budgetIn(await standingOf(subject))));
      }
      const decided = standings.map((standing) => decide(standing, event));
      const entry = { type: 'charge' as const, atMs: nowMs(), id, event };
      const places = standings.map(({ subject, account }) => ({
        subject,
        link: appendEntry<BudgetEntry>(account.head, entry),
      }));
      if (!(await repository.appendBudgetEntries(places))) continue;
      for (const standing of decided) warn(standing);
      return decided.map(budgetIn);
    }
    throw tooBusy();
  }

  return {
    async setLimit(subject, limit) {
      checkSubject(subject);
      checkLimit(limit);
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const { head } = await repository.readAccount(subject);
        const link = appendEntry<BudgetEntry>(head, { type: 'limit', atMs: nowMs(), limit });
        if (await repository.appendBudgetEntries([{ subject, link }])) return warn(await standingOf(subject));
      }
      throw tooBusy();
    },

    async charge(id, subjects, event) {
      check(subjects.length > 0, 'argument.invalid', 'A charge has to name whom it charges.');
      const distinct = [...new Map(subjects.map((subject) => [subjectKey(subject), subject])).values()];
      // Writers that take places in one order do not wait for each other in a circle.
      distinct.sort((a, b) => (subjectKey(a) < subjectKey(b) ? -1 : 1));
      return inTurn(() => chargeAll(id, distinct, event));
    },

    budgetOf: async (subject) => budgetIn(await standingOf(subject)),

    async spentIn(id) {
      const subject = { kind: 'federation', id } as const;
      const [standing, releases] = await Promise.all([
        standingOf(subject),
        repository.countReleases({ federation: id }),
      ]);
      return [...byParticipant(releases)].map(([participant, rows]) => {
        const exposure = [events(rows, standing.unit)];
        const { epsilon, spent, remaining, warning } = budgetIn({ ...standing, exposure });
        const count = rows.reduce((sum, row) => sum + row.count, 0);
        return { participant, releases: count, epsilon, spent, remaining, warning };
      });
    },

    async review(federation, participants) {
      const known = await repository.withAccounts('participant', participants);
      const subjects = known.map((id): Subject => ({ kind: 'participant', id }));
      for (const subject of [{ kind: 'federation', id: federation } as const, ...subjects])
        warn(await standingOf(subject));
      return known;
    },

    async roundsLeft(federation, participant, planned) {
      const of = (subject: Subject) => repository.readAccount(subject);
      const [releases, ofParticipant, ofFederation] = await Promise.all([
        repository.countReleases({ participant }),
        of({ kind: 'participant', id: participant }),
        of({ kind: 'federation', id: federation.id }),
      ]);
      const unit = unitOf(federation);
      const here = events(
        releases.filter((row) => row.federation === federation.id),
        unit,
      );
      const bounds = [
        { limit: federation.privacy.budget, unit, spent: here },
        { limit: ofFederation.limit, unit, spent: [...here, ...ofFederation.charges] },
        {
          limit: ofParticipant.limit,
          unit: 'record' as const,
          spent: [...events(releases, 'record'), ...ofParticipant.charges],
        },
      ];
      const most = federation.rounds.maximum;
      const times = bounds.map((bound) =>
        bound.limit === undefined
          ? most
          : composer.timesLeft(bound.spent, planned[bound.unit], bound.limit, most),
      );
      return Math.min(...times);
    },

    forget(participant) {
      for (const subject of subjectsOfParticipant(participant)) said.delete(subjectKey(subject));
    },
  };
}

/** Who a federation's own budget is about. */
function unitOf({ privacy }: Pick<Federation, 'privacy'>): PrivacyUnit {
  return privacy.participant === undefined ? 'record' : 'participant';
}

function byParticipant(releases: readonly CountedRelease[]): Map<string, CountedRelease[]> {
  const grouped = new Map<string, CountedRelease[]>();
  for (const row of releases) {
    const rows = grouped.get(row.participant);
    if (rows === undefined) grouped.set(row.participant, [row]);
    else rows.push(row);
  }
  return grouped;
}

/** What these releases say to an accountant. */
function events(releases: readonly CountedRelease[], unit: PrivacyUnit): Counted<PrivacyEvent>[] {
  return merged(releases.map(({ event, count }) => ({ event: eventsOf(event)[unit], count })));
}

function trustOfRow({ event }: CountedRelease): TrustModel[] {
  return trustOf(event);
}

function rounded(epsilon: number): string {
  return Number.isFinite(epsilon) ? epsilon.toPrecision(4) : 'without bound';
}

function tooBusy(): MurmurationError {
  return new MurmurationError('storage.conflict', 'Others kept writing to the same budget.', {
    remedy: 'Try again in a moment.',
  });
}
