import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { fromErrorRecord, MurmurationError } from '../../shared/errors/index.ts';
import { instructionSet } from '../../shared/training/native/module.ts';
import type { Outcome } from './run-row.ts';
import type { Message, Unit, WorkerSetup } from './worker.ts';

export interface UnitHooks {
  readonly onRound: (unit: Unit, round: number, relativeError: number) => void;
  readonly onDone: (unit: Unit, outcome: Outcome, seconds: number) => void;
}

/** Runs all units, as many at a time as there are threads. @throws what a unit failed with; its threads have ended then. */
export async function runUnits(
  units: readonly Unit[],
  threads: number,
  setup: WorkerSetup,
  { onRound, onDone }: UnitHooks,
): Promise<Outcome[]> {
  // Node 20 knows the instructions, but not without being told; threads started from now on have them.
  if (instructionSet() === 'simd') setFlagsFromString('--experimental-wasm-relaxed-simd');
  const waiting = [...units.entries()];
  const outcomes: Outcome[] = [];
  const workers = Array.from(
    { length: Math.min(threads, units.length) },
    () => new Worker(workerScript(), { workerData: setup }),
  );
  try {
    await Promise.all(
      workers.map(async (worker) => {
        await lastMessage(worker);
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const [index, unit] = next;
          const startedMs = performance.now();
          worker.postMessage(unit satisfies Unit);
          const message = await lastMessage(worker, (round, error) => onRound(unit, round, error));
          if (message.kind === 'failed') throw fromErrorRecord(message.error);
          if (message.kind !== 'done') continue;
          outcomes[index] = message.outcome;
          onDone(unit, message.outcome, (performance.now() - startedMs) / 1000);
        }
      }),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return outcomes;
}

/** The next message that is not about a round. */
function lastMessage(
  worker: Worker,
  onRound?: (round: number, relativeError: number) => void,
): Promise<Exclude<Message, { kind: 'round' }>> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      worker.off('message', hear);
      worker.off('error', fail);
      worker.off('exit', fail);
    };
    const fail = (cause: unknown) => {
      leave();
      if (cause instanceof Error) return reject(cause);
      reject(new MurmurationError('training.failed', `A thread ended with exit code ${String(cause)}.`));
    };
    const hear = (message: Message) => {
      if (message.kind === 'round') return onRound?.(message.round, message.relativeError);
      leave();
      resolve(message);
    };
    worker.on('message', hear);
    worker.on('error', fail);
    worker.on('exit', fail);
  });
}

/** Threads do not inherit tsx's loader, so this one registers it before it imports the TypeScript it runs. */
function workerScript(): URL {
  const loader = import.meta.resolve('tsx/esm/api');
  const thread = new URL('./worker.ts', import.meta.url).href;
  const source = `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(thread)});`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
