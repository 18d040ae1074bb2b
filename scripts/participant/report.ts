import type { ErrorRecord } from '../../shared/errors/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { ChainedEntry, SpendingLimit } from '../../shared/ledger/index.ts';
import {
  openAccount,
  type PrivacyBudgetReport,
  privacyBudgetOf,
  Spending,
  usualDelta,
} from '../../shared/ledger/index.ts';
import type { ExitCode } from './exit-code.ts';
import type { SessionEnd, SessionView } from './session.ts';

/** What `--json` holds. Nothing of the data is in it. */
export interface ParticipantReport {
  readonly format: 'murmuration/participant-report';
  readonly formatVersion: 1;
  readonly name: string;
  readonly federation: string;
  readonly run: string;
  readonly participant: ParticipantId;
  readonly dataset: string;
  readonly examples: number;
  readonly session: SessionView;
  readonly privacyBudget: PrivacyBudgetReport;
  readonly end: {
    readonly reason: SessionEnd['reason'];
    readonly code: ExitCode;
    readonly error?: ErrorRecord;
  } | null;
  /** ISO 8601. */
  readonly updatedAt: string;
}

/** What all federations together spent of the data, in the unit of the limit or of the federation. */
export function budgetOf(
  links: readonly ChainedEntry[],
  dataset: string,
  { privacy }: Pick<Federation, 'privacy'>,
  limit: SpendingLimit | undefined,
  examples: number,
  atMs: number,
): PrivacyBudgetReport {
  const unit = limit?.unit ?? (privacy.participant === undefined ? 'record' : 'participant');
  const delta = limit?.delta ?? privacy.budget?.delta ?? usualDelta(examples);
  const { epsilon } = Spending.of(links, openAccount).spent({ unit }, delta);
  const entries = links.map(({ entry }) => entry);
  return privacyBudgetOf(entries, { dataset, federation: undefined, unit, epsilon, delta, atMs });
}
