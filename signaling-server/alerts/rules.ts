import type { EventOf, ServerEvent } from '../events.ts';
import type { Alert, AlertKind } from './alert.ts';
import { accuracyOf, dropOutShare, extendWindow, type RoundWindow } from './round-window.ts';

/** What somebody should know of while it lasts. */
export type Condition = Pick<
  Alert,
  'kind' | 'severity' | 'fingerprint' | 'federation' | 'training' | 'summary' | 'value' | 'threshold'
>;

export type Change =
  | { readonly type: 'fire'; readonly condition: Condition }
  | { readonly type: 'resolve'; readonly fingerprint: string };

export interface Thresholds {
  /** Share of a limit that is spent. */
  readonly budgetShare: number;
  /** Share of the invited. */
  readonly dropOutShare: number;
  /**
   * Points of accuracy, 0.1 for ten of a hundred. Absolute: it means as many more wrong answers in every task, whereas a tenth of a
   * small accuracy is what evaluations differ by anyway.
   */
  readonly accuracyDrop: number;
  /** Jobs that are due and wait. */
  readonly queueBacklog: number;
  readonly certificateMs: number;
  readonly certificateCriticalMs: number;
  /** An anomaly of which nothing more was heard for so long is over. */
  readonly quietMs: number;
  /** A training that runs and commits no round for so long is stalled: nobody is there, or takes part. */
  readonly stalledMs: number;
}

const DAY_MS = 24 * 3600_000;

export const THRESHOLDS: Thresholds = {
  budgetShare: 0.8,
  dropOutShare: 0.2,
  accuracyDrop: 0.1,
  queueBacklog: 100,
  // Renewal is usual 30 days before: with 14 left, it failed more than once.
  certificateMs: 14 * DAY_MS,
  certificateCriticalMs: 2 * DAY_MS,
  quietMs: DAY_MS,
  // Longer than a round of three stages of half an hour each.
  stalledMs: 2 * 3600_000,
};

/** What is measured now and then rather than told of. Undefined: could not be measured, which says nothing. */
export interface Sample {
  readonly atMs: number;
  readonly databaseUp: boolean;
  readonly blobsUp: boolean;
  readonly queueBacklog: number | undefined;
  /** Names are free of personal data: `server`, `key:ID`. */
  readonly certificates: readonly { readonly name: string; readonly expiresAtMs: number }[] | undefined;
}

export type Observation = ServerEvent | ({ readonly type: 'tick' } & Sample);

/** Who is kept out of a federation, by what of it somebody should look into. Keys are participants; they leave this file as a number. */
interface Out {
  readonly participants: ReadonlySet<string>;
  readonly sinceMs: number;
}

/** A training that runs, and since when it has been at this round. */
interface Running {
  readonly id: string;
  readonly round: number;
  readonly sinceMs: number;
}

export interface AlertState {
  /** By federation, which has one at most. */
  readonly running: ReadonlyMap<string, Running>;
  readonly windows: ReadonlyMap<string, RoundWindow>;
  readonly out: ReadonlyMap<string, Out>;
  readonly firing: ReadonlyMap<string, Condition & { readonly startedAtMs: number }>;
}

export const NOTHING_FIRES: AlertState = {
  running: new Map(),
  windows: new Map(),
  out: new Map(),
  firing: new Map(),
};

/** Measured by each replica for itself: what another one found is not this one's to end. */
const SAMPLED: ReadonlySet<AlertKind> = new Set(['storage', 'certificate-expiry', 'queue-backlog']);
const CAUSES = { anomalous: 'anomaly', unreliable: 'participant-unhealthy' } as const;

interface Step {
  readonly state: AlertState;
  readonly changes: readonly Change[];
}

/** One condition that holds, or one fingerprint whose condition does not. */
type Finding = { readonly holds: Condition } | { readonly ended: string };

/**
 * What fires and what is over, after one more observation. A condition fires once while it lasts and is over by its own measure: what is
 * not observed changes nothing. `fire` again under a fingerprint that fires does not occur.
 */
export function observe(
  state: AlertState,
  observation: Observation,
  thresholds: Thresholds,
  nowMs: number,
): Step {
  switch (observation.type) {
    case 'round-committed':
    case 'metric':
    case 'rolled-back': {
      const { federation } = observation;
      const window = extendWindow(state.windows.get(federation), observation);
      const windows = new Map(state.windows).set(federation, window);
      return settle({ ...state, windows }, judgeRounds(federation, window, thresholds), nowMs);
    }
    case 'training':
      return settle(
        { ...state, running: follow(state.running, observation) },
        judgeTraining(state, observation),
        nowMs,
      );
    case 'budget':
      return settle(state, judgeBudget(observation, thresholds), nowMs);
    case 'participant-standing':
      return judgeStanding(state, observation, nowMs);
    case 'participant-erased':
      return forgetParticipant(state, observation.participant, nowMs);
    case 'alert':
      return { state: adopt(state, observation.alert), changes: [] };
    case 'tick':
      return settle(state, judgeSample(state, observation, thresholds), nowMs);
    default:
      return { state, changes: [] };
  }
}

/** What fired when this process was not there yet. */
export function resumed(alerts: readonly Alert[]): AlertState {
  const firing = alerts.filter(({ resolvedAtMs }) => resolvedAtMs === null);
  return { ...NOTHING_FIRES, firing: new Map(firing.map((alert) => [alert.fingerprint, alert])) };
}

function settle(state: AlertState, findings: readonly Finding[], nowMs: number): Step {
  const firing = new Map(state.firing);
  const changes: Change[] = [];
  for (const finding of findings) {
    if ('ended' in finding) {
      if (firing.delete(finding.ended)) changes.push({ type: 'resolve', fingerprint: finding.ended });
    } else if (!firing.has(finding.holds.fingerprint)) {
      firing.set(finding.holds.fingerprint, { ...finding.holds, startedAtMs: nowMs });
      changes.push({ type: 'fire', condition: finding.holds });
    }
  }
  return changes.length === 0 ? { state, changes } : { state: { ...state, firing }, changes };
}

/** Of another replica, or of this one, which knows already. */
function adopt(state: AlertState, alert: Alert): AlertState {
  const { fingerprint, resolvedAtMs } = alert;
  const known = state.firing.get(fingerprint);
  const firing = new Map(state.firing);
  if (resolvedAtMs === null) {
    if (known === undefined && !SAMPLED.has(alert.kind)) firing.set(fingerprint, alert);
  } else if (known !== undefined && known.startedAtMs < resolvedAtMs) firing.delete(fingerprint); // else it began again
  return { ...state, firing };
}

function judgeRounds(federation: string, window: RoundWindow, thresholds: Thresholds): Finding[] {
  const findings: Finding[] = [];
  const share = dropOutShare(window);
  if (share !== undefined)
    findings.push(
      finding(share > thresholds.dropOutShare, {
        ...about('drop-out', federation),
        severity: 'warning',
        summary: `${percent(share)} of the invited dropped out of the last ${window.rounds.length} rounds.`,
        value: share,
        threshold: thresholds.dropOutShare,
      }),
    );
  const accuracy = accuracyOf(window);
  if (accuracy !== undefined) {
    const drop = accuracy.best - accuracy.newest;
    findings.push(
      finding(drop > thresholds.accuracyDrop, {
        ...about('accuracy-drop', federation),
        severity: 'warning',
        summary: `Accuracy fell from ${percent(accuracy.best)} to ${percent(accuracy.newest)}.`,
        value: drop,
        threshold: thresholds.accuracyDrop,
      }),
    );
  }
  return findings;
}

/** A training is told of at each round that it commits. */
function follow(
  before: AlertState['running'],
  { training: { id, federation, status, round, updatedAtMs } }: EventOf<'training'>,
): AlertState['running'] {
  const running = new Map(before);
  const known = running.get(federation);
  if (status !== 'RUNNING') {
    if (known?.id === id) running.delete(federation);
  } else if (known?.id !== id || known.round < round) {
    running.set(federation, { id, round, sinceMs: updatedAtMs });
  }
  return running;
}

/** Of those that run; and of those that did, or got further, since. */
function judgeProgress({ running, firing }: AlertState, atMs: number, stalledMs: number): Finding[] {
  const stalled = [...running].filter(([, { sinceMs }]) => atMs - sinceMs > stalledMs);
  const ids = new Set(stalled.map(([, { id }]) => id));
  return [
    ...stalled.map(([federation, { id, sinceMs }]) =>
      finding(true, {
        kind: 'run-stalled',
        fingerprint: `run-stalled/${id}`,
        severity: 'warning',
        federation,
        training: id,
        summary: 'A training runs and has committed no round for long: too few participants take part.',
        value: (atMs - sinceMs) / 1000,
        threshold: stalledMs / 1000,
      }),
    ),
    ...[...firing.values()]
      .filter(({ kind, training }) => kind === 'run-stalled' && !ids.has(training!))
      .map(({ fingerprint }) => ({ ended: fingerprint })),
  ];
}

/** Over when another training of the federation runs, or has done what was asked. */
function judgeTraining(state: AlertState, { training }: EventOf<'training'>): Finding[] {
  const { id, federation, status, reason } = training;
  const fingerprint = `run-failed/${id}`;
  if (status === 'FAILED')
    return [
      finding(true, {
        kind: 'run-failed',
        fingerprint,
        severity: 'critical',
        federation,
        training: id,
        summary: `A training failed: ${reason ?? 'no reason is known'}.`,
        value: null,
        threshold: null,
      }),
    ];
  if (status !== 'RUNNING' && status !== 'SUCCEEDED') return [];
  return [...state.firing.values()]
    .filter((alert) => alert.kind === 'run-failed' && alert.federation === federation)
    .filter((alert) => alert.training !== id)
    .map((alert) => ({ ended: alert.fingerprint }));
}

/** JSON has no infinity: what is no number is beyond every limit. */
function judgeBudget(event: EventOf<'budget'>, { budgetShare }: Thresholds): Finding[] {
  const { kind, subject, share } = event;
  const isExceeded = !Number.isFinite(share) || share > 1;
  const federation = kind === 'federation' ? subject : null;
  const common = { federation, training: null, value: Number.isFinite(share) ? share : null };
  return [
    finding(isExceeded, {
      ...common,
      kind: 'budget-exceeded',
      fingerprint: `budget-exceeded/${kind}/${subject}`,
      severity: 'critical',
      summary: `More than the privacy budget of a ${kind} is spent.`,
      threshold: 1,
    }),
    finding(!isExceeded && share >= budgetShare, {
      ...common,
      kind: 'budget-near',
      fingerprint: `budget-near/${kind}/${subject}`,
      severity: 'warning',
      summary: `${percent(share)} of the privacy budget of a ${kind} is spent.`,
      threshold: budgetShare,
    }),
  ];
}

/** A participant that is blocked was looked into: it counts no more. */
function judgeStanding(state: AlertState, event: EventOf<'participant-standing'>, nowMs: number): Step {
  const { federation, participant } = event;
  const out = new Map(state.out);
  const findings: Finding[] = [];
  for (const [cause, kind] of Object.entries(CAUSES)) {
    const { fingerprint } = about(kind, federation);
    const before = out.get(fingerprint);
    const participants = new Set(before?.participants);
    if (event.state === 'quarantined' && event.cause === cause) participants.add(participant);
    else if (event.state === 'quarantined' || !participants.delete(participant)) continue;
    if (participants.size === 0) out.delete(fingerprint);
    else out.set(fingerprint, { participants, sinceMs: nowMs });
    findings.push(
      finding(participants.size > 0, {
        ...about(kind, federation),
        severity: kind === 'anomaly' ? 'critical' : 'warning',
        summary:
          kind === 'anomaly'
            ? 'Updates stood out from the others again and again; a participant is quarantined.'
            : 'Too many rounds of a participant came to nothing; it is quarantined.',
        value: participants.size,
        threshold: 0,
      }),
    );
  }
  return settle({ ...state, out }, findings, nowMs);
}

/** Whoever is deleted is looked into no more. */
function forgetParticipant(state: AlertState, participant: string, nowMs: number): Step {
  const out = new Map(state.out);
  const findings: Finding[] = [];
  for (const [fingerprint, { participants, sinceMs }] of state.out) {
    const left = new Set(participants);
    if (!left.delete(participant)) continue;
    if (left.size > 0) out.set(fingerprint, { participants: left, sinceMs });
    else {
      out.delete(fingerprint);
      findings.push({ ended: fingerprint });
    }
  }
  return settle({ ...state, out }, findings, nowMs);
}

function judgeSample(
  state: AlertState,
  sample: EventOfTick,
  { queueBacklog, certificateMs, certificateCriticalMs, quietMs, stalledMs }: Thresholds,
): Finding[] {
  const findings: Finding[] = [
    storageFinding('database', sample.databaseUp),
    storageFinding('blobs', sample.blobsUp),
    ...quieted(state, sample.atMs - quietMs),
    ...judgeProgress(state, sample.atMs, stalledMs),
  ];
  if (sample.queueBacklog !== undefined)
    findings.push(
      finding(sample.queueBacklog > queueBacklog, {
        ...about('queue-backlog', null),
        severity: 'warning',
        summary: `${sample.queueBacklog} jobs wait that are due.`,
        value: sample.queueBacklog,
        threshold: queueBacklog,
      }),
    );
  if (sample.certificates !== undefined) {
    const expiring = sample.certificates.map(({ name, expiresAtMs }) => {
      const leftMs = expiresAtMs - sample.atMs;
      return finding(leftMs < certificateMs, {
        kind: 'certificate-expiry',
        fingerprint: `certificate-expiry/${name}`,
        severity: leftMs < certificateCriticalMs ? 'critical' : 'warning',
        federation: null,
        training: null,
        summary: `The certificate ${name} ${leftMs <= 0 ? 'has expired' : `expires on ${dateOf(expiresAtMs)}`}.`,
        value: leftMs / 1000,
        threshold: certificateMs / 1000,
      });
    });
    const known = new Set(sample.certificates.map(({ name }) => `certificate-expiry/${name}`));
    const gone = [...state.firing.values()].filter(
      ({ kind, fingerprint }) => kind === 'certificate-expiry' && !known.has(fingerprint),
    );
    findings.push(...expiring, ...gone.map(({ fingerprint }) => ({ ended: fingerprint })));
  }
  return findings;
}

type EventOfTick = Extract<Observation, { readonly type: 'tick' }>;

/** Suspicions whose end nobody told: quarantines end with time, and perhaps while no process was there. */
function quieted({ firing, out }: AlertState, beforeMs: number): Finding[] {
  return [...firing.values()]
    .filter(({ kind }) => kind === 'anomaly' || kind === 'participant-unhealthy')
    .filter(({ fingerprint, startedAtMs }) => (out.get(fingerprint)?.sinceMs ?? startedAtMs) < beforeMs)
    .map(({ fingerprint }) => ({ ended: fingerprint }));
}

function storageFinding(part: 'database' | 'blobs', isUp: boolean): Finding {
  return finding(!isUp, {
    kind: 'storage',
    fingerprint: `storage/${part}`,
    severity: 'critical',
    federation: null,
    training: null,
    summary: part === 'database' ? 'The database does not answer.' : 'Models cannot be stored.',
    value: null,
    threshold: null,
  });
}

function about(kind: AlertKind, federation: string | null) {
  const fingerprint = federation === null ? kind : `${kind}/${federation}`;
  return { kind, fingerprint, federation, training: null };
}

function finding(holds: boolean, condition: Condition): Finding {
  return holds ? { holds: condition } : { ended: condition.fingerprint };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function dateOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
