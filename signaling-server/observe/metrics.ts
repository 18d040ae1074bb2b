import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Alert } from '../alerts/alert.ts';
import { accuracyOf, dropOutShare, extendWindow, type RoundWindow } from '../alerts/round-window.ts';
import type { Sample } from '../alerts/rules.ts';
import type { ServerEvent } from '../events.ts';
import { subjectsOfParticipant } from '../privacy/subject.ts';
import { boundedLabel, OTHER } from './bounded-label.ts';
import { createBudgetBoard } from './budget-board.ts';

/** Federations are made by anybody where the server is open. */
const MAX_FEDERATIONS = 200;
const MAX_CODES = 64;
const MAX_ROUTES = 256;
const CODE = /^[a-z]{1,16}\.[a-z-]{1,40}$/;

/**
 * Seconds. A cohort in one room is through in about one; slow phones have the half hour of the longest deadlines. Between them each bound is
 * about twice the one before: whether a round takes 40 or 50 seconds changes nothing that anybody does.
 */
const ROUND_BUCKETS = [0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 1800];
/** Seconds. From an answer out of memory to the 30 that a statement may take at most. */
const HTTP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What is read when somebody asks. */
export interface MetricSources {
  /** Open connections of participants to this process. */
  readonly connections: () => number;
  /** Bytes of frames between participants that went through this process, and of those to and from the server itself, since it started. */
  readonly bytes: () => { readonly relay: number; readonly server: number };
  readonly alerts: () => readonly Pick<Alert, 'kind' | 'severity'>[];
}

/** Entries of the audit that a feed has not sent yet. */
export type FeedLag = ReadonlyMap<string, number>;

export interface Metrics {
  /** What a scrape returns, in the exposition format of {@link Metrics.contentType}. */
  text(): Promise<string>;
  readonly contentType: string;
  /** Of every metric that is registered, histograms as their base name. */
  names(): string[];
  note(event: ServerEvent): void;
  /** As {@link Metrics.note}, of what was before this process: gauges know it, counters do not. */
  recall(event: ServerEvent): void;
  noteSample(sample: Sample, feeds?: FeedLag | undefined): void;
  noteRequest(request: {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly seconds: number;
  }): void;
  read(sources: Partial<MetricSources>): void;
  close(): void;
}

/**
 * All metrics of one server; what is of this project alone begins with `murmuration_` or `fl_`. Events reach every replica (SPEC D-06), so what is
 * counted from them is the same on each: over replicas it is `max`. Connections, bytes and requests are of the process: there it is `sum`.
 */
export function createMetrics({ backlogThreshold }: { readonly backlogThreshold: number }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  let sources: Partial<MetricSources> = {};
  const named = boundedLabel(MAX_FEDERATIONS);
  const codeOf = boundedLabel(MAX_CODES);
  const routeOf = boundedLabel(MAX_ROUTES);
  const budgets = createBudgetBoard();
  const windows = new Map<string, RoundWindow>();
  /** By federation: its newest training. */
  const trainings = new Map<
    string,
    { readonly id: string; readonly atMs: number; readonly status: string }
  >();
  const out = new Map<string, Map<string, string>>();

  function counter<L extends string>(name: string, help: string, labelNames: readonly L[]) {
    return new Counter({ name, help, labelNames: [...labelNames], registers });
  }
  function gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    collect: (gauge: Gauge<L>) => void = () => undefined,
  ): Gauge<L> {
    return new Gauge<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        collect(this);
      },
    });
  }

  const rounds = counter('fl_rounds_total', 'Rounds that came to an end.', ['federation', 'outcome']);
  const roundSeconds = new Histogram({
    name: 'fl_round_duration_seconds',
    help: 'From the invitation to the commit of a round.',
    labelNames: ['federation'],
    buckets: ROUND_BUCKETS,
    registers,
  });
  const phaseSeconds = new Histogram({
    name: 'murmuration_round_phase_duration_seconds',
    help: 'Of the parts of a round.',
    labelNames: ['phase'],
    buckets: ROUND_BUCKETS,
    registers,
  });
  const active = gauge('fl_active_clients', 'Participants that are here.', ['federation']);
  const accuracy = gauge('fl_global_accuracy', 'Of the newest evaluation, 0 to 1.', ['federation']);
  const best = gauge('fl_global_accuracy_best', 'Best of the last 10 evaluations.', ['federation']);
  const loss = gauge('fl_global_loss', 'Of the newest evaluation.', ['federation']);
  const dropOut = gauge(
    'fl_dropout_rate',
    'Share of the invited, over the last 5 rounds and at least 10 invitations, whose update did not enter the sum.',
    ['federation'],
  );
  const updateBytes = counter('murmuration_update_bytes_total', 'Bytes that committed rounds took.', [
    'federation',
  ]);
  new Counter({
    name: 'fl_bytes_total',
    help: 'Bytes of frames that this server carried, by path. What goes between devices directly it does not see.',
    labelNames: ['path'],
    registers,
    collect() {
      const bytes = sources.bytes?.();
      this.reset();
      if (bytes === undefined) return;
      this.inc({ path: 'relay' }, bytes.relay);
      this.inc({ path: 'server' }, bytes.server);
    },
  });
  gauge(
    'fl_training_failed',
    '1 where the newest training of the federation failed.',
    ['federation'],
    (each) => {
      each.reset();
      for (const [federation, { status }] of trainings) each.set({ federation }, status === 'FAILED' ? 1 : 0);
    },
  );
  gauge('fl_trainings', 'Federations by the status of their newest training.', ['status'], (each) => {
    each.reset();
    for (const { status } of trainings.values()) each.inc({ status });
  });
  gauge(
    'fl_participants_out',
    'Participants that may not take part now.',
    ['federation', 'cause'],
    (each) => {
      each.reset();
      for (const [federation, participants] of out)
        for (const cause of ['anomalous', 'unreliable', 'blocked'])
          each.set({ federation, cause }, [...participants.values()].filter((own) => own === cause).length);
    },
  );
  gauge(
    'privacy_budget_spent',
    'Share of the budget, 1 for all of it. Participants and users: the highest of all.',
    ['kind', 'subject'],
    (each) => {
      each.reset();
      for (const { kind, subject, share } of budgets.rows()) each.set({ kind, subject }, share);
    },
  );
  gauge(
    'privacy_budget_remaining',
    'Share of the budget that is left, 0 where it is exceeded.',
    ['kind', 'subject'],
    (each) => {
      each.reset();
      for (const { kind, subject, share } of budgets.rows())
        each.set({ kind, subject }, Math.max(0, 1 - share));
    },
  );
  gauge('privacy_budget_epsilon', 'Epsilon that is spent.', ['kind', 'subject'], (each) => {
    each.reset();
    for (const { kind, subject, epsilon } of budgets.rows()) each.set({ kind, subject }, epsilon);
  });
  const backlog = gauge('federated_queue_backlog', 'Jobs that are due and wait.', []);
  gauge('federated_queue_backlog_threshold', 'From FEDERATED_QUEUE_BACKLOG_THRESHOLD.', []).set(
    backlogThreshold,
  );
  const refused = counter('fl_refused_messages_total', 'What was refused, by name.', ['code']);
  const requests = counter('http_requests_total', 'Answers.', ['method', 'route', 'status']);
  const requestSeconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Until an answer began.',
    labelNames: ['method', 'route'],
    buckets: HTTP_BUCKETS,
    registers,
  });
  gauge('murmuration_hub_connections', 'Participants connected to this process.', [], (each) => {
    each.set(sources.connections?.() ?? 0);
  });
  const databaseUp = gauge('murmuration_database_up', '1 while it answers.', []);
  const blobsUp = gauge('murmuration_blob_store_up', '1 while models can be stored.', []);
  const expiry = gauge(
    'murmuration_certificate_expiry_seconds',
    'Until it expires: of the server, and the first of the registered clients.',
    ['certificate'],
  );
  const feedLag = gauge('murmuration_audit_feed_lag_entries', 'Entries of the audit that wait.', ['feed']);
  gauge('murmuration_alerts_firing', 'Alerts that fire in the app.', ['kind', 'severity'], (each) => {
    each.reset();
    for (const { kind, severity } of sources.alerts?.() ?? []) each.inc({ kind, severity });
  });
  collectDefaultMetrics({ register: registry });

  /** Counters count the rest as one; a gauge of several things would say nothing. */
  function counted(federation: string): { readonly federation: string } {
    return { federation: named(federation) ?? OTHER };
  }

  function showWindow(event: Parameters<typeof extendWindow>[1]): void {
    const federation = named(event.federation);
    if (federation === undefined) return;
    const window = extendWindow(windows.get(federation), event);
    windows.set(federation, window);
    const share = dropOutShare(window);
    if (share === undefined) dropOut.remove({ federation });
    else dropOut.set({ federation }, share);
    const known = accuracyOf(window);
    if (known === undefined) return;
    accuracy.set({ federation }, known.newest);
    best.set({ federation }, known.best);
  }

  function recall(event: ServerEvent): void {
    switch (event.type) {
      case 'round-committed':
      case 'rolled-back':
        return showWindow(event);
      case 'metric': {
        showWindow(event);
        const federation = named(event.federation);
        if (federation !== undefined && event.name === 'loss') loss.set({ federation }, event.value);
        return;
      }
      case 'training': {
        const { id, federation, status, createdAtMs } = event.training;
        const before = trainings.get(federation);
        const isOlder = before !== undefined && before.id !== id && before.atMs > createdAtMs;
        if (named(federation) !== undefined && !isOlder)
          trainings.set(federation, { id, atMs: createdAtMs, status });
        return;
      }
      case 'participants': {
        const federation = named(event.federation);
        if (federation !== undefined) active.set({ federation }, event.active);
        return;
      }
      case 'participant-standing': {
        const federation = named(event.federation);
        if (federation === undefined) return;
        const participants = out.get(federation) ?? new Map<string, string>();
        out.set(federation, participants);
        if (event.state === 'clear') participants.delete(event.participant);
        else participants.set(event.participant, event.state === 'blocked' ? 'blocked' : event.cause);
        return;
      }
      case 'budget':
        return budgets.note(event);
      case 'participant-erased': {
        for (const participants of out.values()) participants.delete(event.participant);
        for (const { kind, id } of subjectsOfParticipant(event.participant)) budgets.forget(kind, id);
        return;
      }
    }
  }

  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    names: () => registry.getMetricsAsArray().map(({ name }) => name),
    recall,
    note(event) {
      recall(event);
      switch (event.type) {
        case 'round-committed': {
          const labels = counted(event.federation);
          rounds.inc({ ...labels, outcome: 'committed' });
          roundSeconds.observe(labels, event.durationMs / 1000);
          updateBytes.inc(labels, event.bytes);
          return;
        }
        case 'round-abandoned':
          return rounds.inc({ ...counted(event.federation), outcome: 'abandoned' });
        case 'rolled-back':
          return rounds.inc({ ...counted(event.federation), outcome: 'rolled-back' });
        case 'round-phase':
          return phaseSeconds.observe(
            { phase: event.phase },
            Math.max(0, event.endedAtMs - event.startedAtMs) / 1000,
          );
        case 'refused':
          return refused.inc({ code: (CODE.test(event.code) ? codeOf(event.code) : undefined) ?? OTHER });
      }
    },
    noteSample(sample, feeds) {
      databaseUp.set(sample.databaseUp ? 1 : 0);
      blobsUp.set(sample.blobsUp ? 1 : 0);
      if (sample.queueBacklog !== undefined) backlog.set(sample.queueBacklog);
      if (sample.certificates !== undefined) {
        expiry.reset();
        // The first to expire is set last.
        for (const { name, expiresAtMs } of [...sample.certificates].sort(
          (a, b) => b.expiresAtMs - a.expiresAtMs,
        ))
          expiry.set(
            { certificate: name === 'server' ? 'server' : 'clients' },
            (expiresAtMs - sample.atMs) / 1000,
          );
      }
      if (feeds === undefined) return;
      feedLag.reset();
      for (const [feed, entries] of feeds) feedLag.set({ feed }, entries);
    },
    noteRequest({ method, route, status, seconds }) {
      const labels = { method: METHODS.has(method) ? method : OTHER, route: routeOf(route) ?? OTHER };
      requests.inc({ ...labels, status: String(status) });
      requestSeconds.observe(labels, seconds);
    },
    read(more) {
      sources = { ...sources, ...more };
    },
    close: () => registry.clear(),
  };
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
