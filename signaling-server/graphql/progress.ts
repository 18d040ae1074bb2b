import { check } from '../../shared/errors/index.ts';
import type { ServerEvent, ServerEvents } from '../events.ts';
import type { Training, TrainingStatus } from '../jobs/training.ts';

/** One step of a training. */
export interface Progress {
  readonly type:
    | 'training'
    | 'round-started'
    | 'round-phase'
    | 'round-committed'
    | 'round-abandoned'
    | 'rolled-back'
    | 'metric';
  readonly training: Training;
  readonly round: number | null;
  readonly phase: string | null;
  readonly survivors: number | null;
  readonly hash: string | null;
  readonly code: string | null;
  readonly metric: { readonly name: string; readonly value: number } | null;
  readonly atMs: number;
}

const OVER: ReadonlySet<TrainingStatus> = new Set(['STOPPED', 'SUCCEEDED', 'FAILED']);
/** Somebody who reads no faster than this many steps behind has been lost. */
const MAX_WAITING = 1_000;
/** Of all callers of this process together. */
const MAX_STREAMS = 1_000;
/** Of one caller: a page has one for each training that it shows. */
const MAX_STREAMS_EACH = 100;
let streams = 0;
const streamsOf = new Map<string, number>();

/**
 * What becomes of a training: first what it is at, then every step, until it is over or the signal ends it.
 * @param who Name of the caller, or the address of one without.
 * @throws `http.unavailable` where too many listen; `wire.rate-limited` where this caller does too often, or falls too far behind.
 */
export async function* trainingProgress(
  start: Training,
  events: Pick<ServerEvents, 'subscribe'>,
  signal: AbortSignal,
  nowMs: () => number,
  who: string,
): AsyncGenerator<Progress, void, undefined> {
  const own = streamsOf.get(who) ?? 0;
  check(own < MAX_STREAMS_EACH, 'wire.rate-limited', 'You listen too often at the same time.', {
    expected: `at most ${MAX_STREAMS_EACH} subscriptions`,
    remedy: 'End others first.',
  });
  check(streams < MAX_STREAMS, 'http.unavailable', 'Too many listen to this server.', {
    expected: `at most ${MAX_STREAMS}`,
    remedy: 'Try again later, or ask for the status from time to time.',
  });
  let training = start;
  const waiting: Progress[] = [];
  let wake: () => void = () => undefined;
  const hear = (event: ServerEvent): void => {
    if (event.type === 'training' && event.training.id === start.id) training = event.training;
    const progress = progressOf(event, training, nowMs);
    if (progress === undefined) return;
    // Beyond what is allowed nothing is kept for somebody who may never read again.
    if (waiting.length <= MAX_WAITING) waiting.push(progress);
    wake();
  };
  const abort = (): void => wake();
  streams++;
  streamsOf.set(who, own + 1);
  const unsubscribe = events.subscribe(hear);
  signal.addEventListener('abort', abort, { once: true });
  try {
    yield { ...NOTHING, type: 'training', training, round: training.round, atMs: nowMs() };
    while (!signal.aborted && !OVER.has(training.status)) {
      if (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      check(waiting.length <= MAX_WAITING, 'wire.rate-limited', 'You read too slowly, and are cut off.', {
        expected: `at most ${MAX_WAITING} steps waiting`,
        remedy: 'Subscribe again: the first step tells where the training is.',
      });
      yield* waiting.splice(0);
    }
    yield* waiting.splice(0);
  } finally {
    streams--;
    const left = streamsOf.get(who)! - 1;
    if (left === 0) streamsOf.delete(who);
    else streamsOf.set(who, left);
    unsubscribe();
    signal.removeEventListener('abort', abort);
  }
}

const NOTHING = { round: null, phase: null, survivors: null, hash: null, code: null, metric: null } as const;

/** Undefined for what is not about this training. */
function progressOf(event: ServerEvent, training: Training, nowMs: () => number): Progress | undefined {
  switch (event.type) {
    case 'training':
      return event.training.id === training.id
        ? { ...NOTHING, type: 'training', training, round: training.round, atMs: training.updatedAtMs }
        : undefined;
    case 'round-started':
    case 'round-phase':
    case 'round-committed':
    case 'round-abandoned':
    case 'rolled-back':
    case 'metric':
      break;
    default:
      return undefined;
  }
  if (event.run !== training.run) return undefined;
  const atMs = 'atMs' in event ? event.atMs : nowMs();
  const { type, round } = event;
  const step = { ...NOTHING, type, training, round, atMs };
  switch (event.type) {
    case 'round-phase':
      return { ...step, phase: event.phase };
    case 'round-committed':
      return { ...step, survivors: event.survivors, hash: event.hash };
    case 'round-abandoned':
      return { ...step, code: event.code };
    case 'metric':
      return { ...step, metric: { name: event.name, value: event.value } };
    default:
      return step;
  }
}
