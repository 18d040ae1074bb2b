import type { Logger } from 'pino';
import type { Federation } from '../../shared/federation/index.ts';
import type { Judge, Verdict } from '../../shared/session/judge.ts';
import type { Model } from '../../shared/update/index.ts';
import type { EngineBoard } from '../engines/engine-board.ts';
import { createJobThread, startThread } from '../threads/job-thread.ts';
import type { Slots } from '../threads/slots.ts';
import { threadScript } from '../threads/thread-script.ts';
import type {
  HeldOutSource,
  JudgedModel,
  ModelComparison,
  Predicted,
  ThreadJob,
  ThreadReady,
  ThreadResult,
  ThreadSetup,
} from './thread-protocol.ts';

/** Runs models on one federation's held-out examples, in a thread of their own. */
export interface HeldOutJudge extends Judge {
  /** @throws `data.*` for a held-out set that is missing or bad, `training.*`, `http.unavailable` when too many wait. */
  evaluate(model: Model, signal: AbortSignal): Promise<Verdict>;
  /** Without a held-out set, of weights alone. @throws as {@link evaluate}. */
  compare(from: Model, to: Model, signal: AbortSignal): Promise<ModelComparison>;
  /** What the model makes of rows without targets. @throws as {@link evaluate}; `data.*` naming the row. */
  predict(model: Model, rows: readonly unknown[], signal: AbortSignal): Promise<Predicted>;
  /** The held-out set was replaced: what follows sees the new one. */
  reload(): void;
  close(): Promise<void>;
}

export interface JudgeOptions {
  readonly federation: Pick<Federation, 'id' | 'data' | 'model'>;
  /** Asked whenever a thread starts. */
  readonly findSource: () => Promise<HeldOutSource>;
  /** Shared by all judges of this server: how many compute at once. */
  readonly slots: Slots;
  readonly board: EngineBoard;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Longest that one job may take, and longest that a thread may take to start. */
  readonly timeLimitMs?: number;
  /** A thread without work for so long ends, and gives its memory back. */
  readonly idleMs?: number;
  /** What the thread runs; another one in tests. */
  readonly script?: URL;
}

const TIME_LIMIT_MS = 5 * 60_000;
const IDLE_MS = 10 * 60_000;

const NAME = 'The evaluation';
const SCRIPT = threadScript(new URL('./thread.ts', import.meta.url));

export function createJudge(options: JudgeOptions): HeldOutJudge {
  const { federation, findSource, slots, board, log, timeLimitMs = TIME_LIMIT_MS } = options;
  const { id, data, model } = federation;
  const thread = createJobThread<ThreadJob, ThreadReady, ThreadResult>({
    name: NAME,
    script: options.script ?? SCRIPT,
    prepare: async (): Promise<ThreadSetup> => ({ federation: { data, model }, source: await findSource() }),
    onReady({ engine, examples }) {
      if (engine !== undefined) board.note(`evaluation of ${id}`, engine);
      log.info({ federation: id, examples, engine }, 'evaluation is ready');
    },
    onFault: ({ code }) => log.warn({ federation: id, code }, 'a model could not be judged'),
    slots,
    timeLimitMs,
    idleMs: options.idleMs ?? IDLE_MS,
  });
  return {
    evaluate: (evaluated, signal) =>
      thread.run({ kind: 'evaluate', model: judged(evaluated) }, signal) as Promise<Verdict>,
    compare: (from, to, signal) =>
      thread.run({ kind: 'compare', from: judged(from), to: judged(to) }, signal) as Promise<ModelComparison>,
    predict: (model, rows, signal) =>
      thread.run({ kind: 'predict', model: judged(model), rows }, signal) as Promise<Predicted>,
    reload: thread.restart,
    close: thread.close,
  };
}

/**
 * Reads a held-out set without keeping it. @throws `data.*` naming row and column, `argument.invalid`.
 */
export async function checkHeldOut(
  federation: Pick<Federation, 'data' | 'model'>,
  source: HeldOutSource,
): Promise<ThreadReady> {
  const { data, model } = federation;
  const setup: ThreadSetup = { federation: { data, model }, source, readOnly: true };
  const { worker, ready } = await startThread<ThreadReady, ThreadResult>(NAME, SCRIPT, setup, TIME_LIMIT_MS);
  await worker.terminate();
  return ready;
}

function judged({ version, layoutHash, weights, hash }: Model): JudgedModel {
  return { version, layoutHash, weights, hash };
}
