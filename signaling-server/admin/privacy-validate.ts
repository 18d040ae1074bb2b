import { sql } from 'drizzle-orm';
import { hasCode, toErrorRecord } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import {
  type ChainedEntry,
  eventsOf,
  type OpenAccount,
  openAccount,
  openQuickAccount,
  verifyChain,
} from '../../shared/ledger/index.ts';
import type { PrivacyEvent } from '../../shared/privacy/index.ts';
import type { ServerConfig } from '../config.ts';
import { merged } from '../privacy/exposure.ts';
import { openBudgets } from '../privacy/open-budgets.ts';
import type { PrivacyBudget } from '../privacy/privacy-budget.ts';
import { type Subject, subjectKey } from '../privacy/subject.ts';
import { execute } from '../rights/mentions.ts';
import type { Storage } from './open-storage.ts';
import { type Check, failed, passed, type Report, reportOf, warned } from './report.ts';

const PAGE = 200;
/** Of sums in double arithmetic that were added in another order. */
const TOLERANCE = 1e-6;
/** Findings of one kind that are named; the others are counted. */
const NAMED = 5;

export interface Recomputed {
  readonly subject: Subject;
  readonly delta: number;
  /** Infinity where no bound is known. */
  readonly reported: number;
  /** By Rényi divergences alone. */
  readonly rdp: number;
  /** By privacy loss distributions, or the exact profile where there is one. */
  readonly pld: number;
}

/**
 * Whether what this server says of privacy is true of what it wrote down: every chain verifies, every budget is computed again from the single events by both
 * accountants, and what rounds released is what the federation's policy promises.
 */
export async function privacyValidate(
  storage: Storage,
  config: Pick<ServerConfig, 'departmentBudgets' | 'userBudget' | 'epsilonPerQuery'>,
  nowMs: number,
): Promise<Report> {
  const budgets = openBudgets(storage.repository, { warn: () => undefined }, { config });
  const subjects = await allSubjects(storage);
  const chains = await releaseChains(storage);
  const recomputed: Recomputed[] = [];
  const exceeded: string[] = [];
  const budgetFaults: string[] = [];
  for (const subject of subjects) {
    try {
      const reported = await budgets.budgetOf(subject);
      recomputed.push(await recompute(storage, chains, subject, reported));
      if (reported.warning === 'privacy.budget-exceeded') exceeded.push(subjectKey(subject));
    } catch (thrown) {
      // Of a federation that is gone its releases are still here.
      if (!hasCode(thrown, 'federation.unknown')) throw thrown;
      budgetFaults.push(`${subjectKey(subject)}: its document is gone`);
    }
  }
  const understated = recomputed.filter(
    ({ reported, rdp, pld }) => reported < Math.min(rdp, pld) * (1 - TOLERANCE),
  );
  return reportOf(
    'privacy-validate',
    nowMs,
    [
      await chainCheck(storage, chains, subjects),
      understated.length === 0
        ? passed('budgets', `${recomputed.length} were computed again by RDP and PLD; none is understated.`)
        : failed(
            'budgets',
            `Reported too low: ${named(understated.map(({ subject }) => subjectKey(subject)))}.`,
          ),
      budgetFaults.length === 0
        ? passed('documents', 'Every federation with releases has its document.')
        : warned('documents', named(budgetFaults)),
      exceeded.length === 0
        ? passed('limits', 'Nobody is beyond its limit.')
        : warned('limits', `Beyond their limit: ${named(exceeded)}.`),
      ...(await policyChecks(storage)),
    ],
    { budgets: recomputed.map(plain) },
  );
}

async function allSubjects({ repository }: Storage): Promise<Subject[]> {
  const all: Subject[] = [];
  while (true) {
    const page = await repository.listSubjects({
      releasing: ['participant', 'federation'],
      after: all.at(-1),
      limit: PAGE,
    });
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

async function chainCheck(
  storage: Storage,
  released: readonly ReleaseChain[],
  subjects: readonly Subject[],
): Promise<Check> {
  const { repository } = storage;
  const broken: string[] = [];
  let chains = 0;
  const look = async (
    name: string,
    read: () => Promise<readonly { readonly seq: number }[]>,
  ): Promise<void> => {
    chains++;
    try {
      verifyChain((await read()) as ChainedEntry[]);
    } catch (thrown) {
      broken.push(`${name} (${toErrorRecord(thrown).message})`);
    }
  };
  for (const subject of subjects)
    await look(`budget of ${subjectKey(subject)}`, () => repository.readBudgetEntries(subject));
  for (const { federation, participant } of released)
    await look(`releases of ${participant} in ${federation}`, () =>
      repository.readReleases(federation, participant),
    );
  for (const [dataset] of await execute(storage.database, sql`select distinct dataset from ledger_events`))
    await look(`ledger of ${String(dataset)}`, () => repository.readLedger(String(dataset)));
  return broken.length === 0
    ? passed('chains', `${chains} ledger chains verify.`)
    : failed('chains', `Broken: ${named(broken)}.`);
}

interface ReleaseChain {
  readonly federation: string;
  readonly participant: string;
}

async function releaseChains({ database }: Storage): Promise<ReleaseChain[]> {
  const found = await execute(
    database,
    sql`select distinct federation, participant from releases order by 1, 2`,
  );
  return found.map(([federation, participant]) => ({
    federation: String(federation),
    participant: String(participant),
  }));
}

/** From the single entries of the chains, not from the counts that the server composes. */
async function recompute(
  storage: Storage,
  all: readonly ReleaseChain[],
  subject: Subject,
  reported: PrivacyBudget,
): Promise<Recomputed> {
  const { repository } = storage;
  const charges = (await repository.readBudgetEntries(subject)).flatMap(({ entry }) =>
    entry.type === 'charge' ? [entry.event] : [],
  );
  const chains = all.filter(({ federation, participant }) =>
    subject.kind === 'federation'
      ? federation === subject.id
      : subject.kind === 'participant' && participant === subject.id,
  );
  const released = new Map<string, PrivacyEvent[]>();
  for (const { federation, participant } of chains) {
    const events = (await repository.readReleases(federation, participant)).map(
      ({ entry }) => eventsOf(entry.event)[reported.unit],
    );
    released.set(participant, [...(released.get(participant) ?? []), ...events]);
  }
  const members = released.size === 0 ? [[]] : [...released.values()];
  const { delta } = reported;
  const worst = (open: OpenAccount) =>
    Math.max(...members.map((events) => epsilonOf(open, [...events, ...charges], delta)));
  return {
    subject,
    delta,
    reported: reported.epsilon ?? Number.POSITIVE_INFINITY,
    rdp: worst(openQuickAccount),
    pld: worst(openAccount),
  };
}

function epsilonOf(open: OpenAccount, events: readonly PrivacyEvent[], delta: number): number {
  if (events.some(({ mechanism }) => mechanism === 'none')) return Number.POSITIVE_INFINITY;
  const account = open();
  try {
    // Leaves of one tree have to be looked at together.
    for (const { event, count } of merged(events.map((event) => ({ event, count: 1 }))))
      account.add(event, count);
  } catch (thrown) {
    if (hasCode(thrown, 'privacy.invalid-parameter')) return Number.POSITIVE_INFINITY;
    throw thrown;
  }
  return account.epsilon(delta);
}

/** What was noted of each federation's rounds, beside what its document promises today. */
async function policyChecks({ repository, database }: Storage): Promise<Check[]> {
  const running = await execute(
    database,
    sql`select distinct federation from runs where status = 'open' order by 1`,
  );
  const wrong: string[] = [];
  let checked = 0;
  for (const [id] of running) {
    const federation = await repository.getFederation(String(id));
    if (federation.privacy.participant === undefined && federation.privacy.record === undefined) continue;
    checked++;
    const bare = (await repository.countReleases({ federation: federation.id })).filter(
      ({ event }) => event.released === 'update' && !keepsPolicy(federation, event),
    );
    const count = bare.reduce((sum, row) => sum + row.count, 0);
    if (count > 0) wrong.push(`${federation.id}: ${count} releases with less protection than its policy`);
  }
  return [
    wrong.length === 0
      ? passed('policies', `The rounds of ${checked} federations with a privacy policy kept to it.`)
      : failed('policies', named(wrong)),
  ];
}

type Release = ChainedEntry['entry']['event'];

function keepsPolicy({ privacy }: Federation, event: Release): boolean {
  const { participant, record } = privacy;
  const hidesParticipant =
    participant === undefined ||
    (event.mechanism === 'participant-noise' && event.trust === participant.trust);
  const ofRecords = event.mechanism === 'participant-noise' ? event.record : event;
  const hidesRecords =
    record === undefined ||
    (ofRecords !== undefined &&
      'noiseMultiplier' in ofRecords &&
      ofRecords.noiseMultiplier >= record.noiseMultiplier * (1 - TOLERANCE));
  return hidesParticipant && hidesRecords;
}

/** JSON has no infinity. */
function plain({ subject, delta, reported, rdp, pld }: Recomputed) {
  const finite = (value: number) => (Number.isFinite(value) ? value : null);
  return { subject, delta, reported: finite(reported), rdp: finite(rdp), pld: finite(pld) };
}

function named(all: readonly string[]): string {
  const rest = all.length - NAMED;
  return `${all.slice(0, NAMED).join('; ')}${rest > 0 ? `; and ${rest} more` : ''}`;
}
