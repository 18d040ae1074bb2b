import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import type { Federation } from '../../shared/federation/index.ts';
import type { EngineBoard } from '../engines/engine-board.ts';
import { createSlots } from '../threads/slots.ts';
import type { HeldOutFiles } from './held-out-files.ts';
import { createJudge, type HeldOutJudge, type JudgeOptions } from './judge.ts';

/** The judges of all federations here, which share the machine. */
export interface Judges {
  /** Of this revision's model and data; the judge of another ends once its work is done. */
  judgeOf(federation: Federation): HeldOutJudge;
  /** Its held-out set was replaced. */
  reload(federation: string): void;
  close(): Promise<void>;
}

export interface JudgesOptions extends Partial<Pick<JudgeOptions, 'timeLimitMs' | 'idleMs' | 'script'>> {
  readonly files: Pick<HeldOutFiles, 'find'>;
  readonly board: EngineBoard;
  readonly log: Logger;
  /** Threads that compute at once. One core is left to the server itself. */
  readonly threads?: number;
}

/** Models of all federations that wait to be judged. */
const MAX_WAITING = 32;

export function createJudges({ files, threads, ...rest }: JudgesOptions): Judges {
  const slots = createSlots(threads ?? Math.max(1, availableParallelism() - 1), MAX_WAITING);
  const judges = new Map<string, { readonly revision: number; readonly judge: HeldOutJudge }>();
  const ending = new Set<Promise<void>>();

  function end(judge: HeldOutJudge): void {
    const end = judge.close().finally(() => ending.delete(end));
    ending.add(end);
  }

  return {
    judgeOf(federation) {
      const { id, revision } = federation;
      const known = judges.get(id);
      if (known?.revision === revision) return known.judge;
      if (known !== undefined) end(known.judge);
      const judge = createJudge({ ...rest, federation, slots, findSource: () => files.find(federation) });
      judges.set(id, { revision, judge });
      return judge;
    },
    reload: (federation) => judges.get(federation)?.judge.reload(),
    async close() {
      for (const { judge } of judges.values()) end(judge);
      judges.clear();
      await Promise.all(ending);
    },
  };
}
