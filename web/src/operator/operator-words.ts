import type { AlertKind, Training, TrainingConfig, TrainingStatus } from '../../../shared/client/index.ts';
import { counted, formatDate, formatPercent } from '../app/format.ts';

/** What the operator's pages call things. */

export interface Tag {
  readonly text: string;
  readonly tone: '' | 'good' | 'warn' | 'bad' | 'accent' | 'shared';
}

const STATUS: Readonly<Record<TrainingStatus, Tag>> = {
  CREATED: { text: 'Waiting for its turn', tone: '' },
  SCHEDULED: { text: 'Scheduled', tone: '' },
  RUNNING: { text: 'Running', tone: 'accent' },
  PAUSED: { text: 'Paused', tone: 'warn' },
  STOPPING: { text: 'Stopping', tone: 'warn' },
  STOPPED: { text: 'Stopped', tone: '' },
  SUCCEEDED: { text: 'Done', tone: 'good' },
  FAILED: { text: 'Failed', tone: 'bad' },
};

export function statusTag(status: TrainingStatus): Tag {
  return STATUS[status];
}

export function isOver({ status }: Pick<Training, 'status'>): boolean {
  return status === 'STOPPED' || status === 'SUCCEEDED' || status === 'FAILED';
}

/** Rounds done of those asked for; undefined where no number was asked for. */
export function progressOf({ round, config }: Pick<Training, 'round' | 'config'>): number | undefined {
  return config.maxRounds === undefined ? undefined : Math.min(1, round / config.maxRounds);
}

export function roundsWords({ round, config }: Pick<Training, 'round' | 'config'>): string {
  return config.maxRounds === undefined
    ? counted(round, 'round')
    : `${round} of ${counted(config.maxRounds, 'round')}`;
}

/** What a training is to reach, as name and value. */
export function configFacts(config: TrainingConfig): readonly (readonly [string, string])[] {
  const { maxRounds, targetAccuracy, earlyStopping, clientsPerRound, startAtMs, deadlineAtMs } = config;
  const facts: [string, string | undefined][] = [
    ['Rounds', maxRounds === undefined ? 'as the document says' : `at most ${maxRounds}`],
    ['Target', targetAccuracy === undefined ? undefined : formatPercent(targetAccuracy)],
    [
      'Early stopping',
      earlyStopping === undefined
        ? undefined
        : `after ${counted(earlyStopping.patience, 'evaluation')} without a better ${earlyStopping.metric}`,
    ],
    [
      'Per round',
      clientsPerRound === undefined ? undefined : `at most ${counted(clientsPerRound, 'participant')}`,
    ],
    ['Begins', startAtMs === undefined ? undefined : formatDate(startAtMs)],
    ['Ends by', deadlineAtMs === undefined ? undefined : formatDate(deadlineAtMs)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

export const ALERT_WORDS: Readonly<Record<AlertKind, string>> = {
  'run-failed': 'A training failed',
  'run-stalled': 'A training gets no further',
  'budget-near': 'A privacy budget is nearly spent',
  'budget-exceeded': 'A privacy budget is spent',
  'drop-out': 'Many participants drop out',
  'accuracy-drop': 'The accuracy fell',
  anomaly: 'Something is unusual',
  'queue-backlog': 'Jobs pile up',
  'participant-unhealthy': 'A participant is not well',
  'certificate-expiry': 'A certificate is about to expire',
  storage: 'The storage has trouble',
};

export const ALERT_KINDS = Object.keys(ALERT_WORDS) as readonly AlertKind[];

export const SEVERITY_TAG = {
  info: { text: 'Information', tone: '' },
  warning: { text: 'Warning', tone: 'warn' },
  critical: { text: 'Critical', tone: 'bad' },
} as const;

/** Enough of a pseudonymous id to tell participants apart by eye. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** "in 3 days", "2 hours ago", "now". */
export function relativeWords(atMs: number, nowMs: number): string {
  const ms = Math.abs(atMs - nowMs);
  const unit = UNITS.find(([, length]) => ms >= length);
  if (unit === undefined) return 'now';
  const amount = counted(Math.floor(ms / unit[1]), unit[0]);
  return atMs > nowMs ? `in ${amount}` : `${amount} ago`;
}

/** Whether what has an end is still good. */
export function validityTag(
  { expiresAtMs, revokedAtMs }: { readonly expiresAtMs: number | null; readonly revokedAtMs: number | null },
  nowMs: number,
): Tag {
  if (revokedAtMs !== null) return { text: 'Revoked', tone: 'bad' };
  if (expiresAtMs === null) return { text: 'Good until revoked', tone: 'good' };
  if (expiresAtMs <= nowMs) return { text: 'Expired', tone: '' };
  return { text: `Expires ${relativeWords(expiresAtMs, nowMs)}`, tone: 'good' };
}

export function invitationTag(
  invitation: {
    readonly expiresAtMs: number;
    readonly revokedAtMs: number | null;
    readonly uses: number;
    readonly maxUses: number;
  },
  nowMs: number,
): Tag {
  const isUsedUp = invitation.revokedAtMs === null && invitation.uses >= invitation.maxUses;
  return isUsedUp && invitation.expiresAtMs > nowMs
    ? { text: 'Used up', tone: '' }
    : validityTag(invitation, nowMs);
}

export const ROLE_WORDS = {
  participant: { name: 'Participant', may: 'Takes part, and reads of what it takes part in.' },
  owner: { name: 'Owner', may: 'Runs federations of its own, or the one chosen here.' },
  auditor: { name: 'Auditor', may: 'Reads everything, changes nothing.' },
  operator: { name: 'Operator', may: 'Everything.' },
} as const;
