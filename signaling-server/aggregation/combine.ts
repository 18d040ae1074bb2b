import type { Logger } from 'pino';
import type { CombineRule, WeightedSlice } from '../../shared/aggregate/index.ts';
import { createAggregationKernels } from '../../shared/aggregate/native/index.ts';
import { combineRuleOf, needsOf } from '../../shared/aggregate/robust/index.ts';
import { encodingOf } from '../../shared/compress/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import type { Layout } from '../../shared/update/index.ts';
import type { EngineBoard } from '../engines/engine-board.ts';
import { createJobThread } from '../threads/job-thread.ts';
import { threadScript } from '../threads/thread-script.ts';
import type { CombineJob, CombineReady, CombineSetup } from './thread-protocol.ts';

/** How this server combines what arrived for one federation. */
export interface ServerCombine {
  readonly combine: CombineRule;
  close(): Promise<void>;
}

export interface ServerCombineOptions {
  readonly federation: Federation;
  readonly layout: Layout;
  readonly board: EngineBoard;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Numbers that a robust rule may look at without a thread. */
  readonly inlineNumbers?: number;
  readonly timeLimitMs?: number;
}

/** The slowest rule takes about 50 ms for as many. Longer, and sockets would wait. */
const INLINE_NUMBERS = 2 ** 18;
/** Sums are quicker. */
const INLINE_SUM_NUMBERS = 2 ** 24;
const TIME_LIMIT_MS = 60_000;
const IDLE_MS = 10 * 60_000;

/** Small models at once, large ones in a thread, whose engine is chosen when it starts. */
export function createServerCombine(options: ServerCombineOptions): ServerCombine {
  const { federation, layout, board, log } = options;
  const { robust } = federation.strategy;
  const atOnce = combineRuleOf(robust, encodingOf(federation, layout), createAggregationKernels());
  const inline = needsOf(robust) === 'sum' ? INLINE_SUM_NUMBERS : (options.inlineNumbers ?? INLINE_NUMBERS);
  const thread = createJobThread<CombineJob, CombineReady, WeightedSlice>({
    name: 'The aggregation',
    script: threadScript(new URL('./thread.ts', import.meta.url)),
    prepare: async (): Promise<CombineSetup> => ({ federation }),
    onReady({ engine }) {
      board.note(`aggregation of ${federation.id}`, engine);
      log.info({ federation: federation.id, engine }, 'aggregation is ready');
    },
    onFault: ({ code }) => log.warn({ federation: federation.id, code }, 'updates could not be combined'),
    timeLimitMs: options.timeLimitMs ?? TIME_LIMIT_MS,
    idleMs: IDLE_MS,
  });
  const forever = new AbortController().signal;
  return {
    combine(parts, signal = forever) {
      const numbers = parts.reduce((total, { values }) => total + values.length, 0);
      return numbers <= inline ? atOnce(parts) : thread.run({ parts }, signal);
    },
    close: thread.close,
  };
}
