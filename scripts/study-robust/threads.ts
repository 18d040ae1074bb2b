import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { fromErrorRecord, MurmurationError } from '../../shared/errors/index.ts';
import { instructionSet } from '../../shared/training/native/module.ts';
import type { Outcome } from './run-unit.ts';
import type { Unit } from './units.ts';
import type { Reply, WorkerSetup } from './worker.ts';

/**
 * Runs all units, as many at a time as there are threads, and ends the threads.
 * @throws what a unit failed with; none is begun after that.
 */
export async function runUnits(
  count: number,
  setup: WorkerSetup,
  units: readonly Unit[],
  onDone: (unit: Unit, outcome: Outcome) => void,
): Promise<void> {
  // Node 20 knows the instructions, but not without being told; threads started from now on have them.
  if (instructionSet() === 'simd') setFlagsFromString('--experimental-wasm-relaxed-simd');
  const workers = Array.from({ length: count }, () => new Worker(workerScript(), { workerData: setup }));
  const waiting = [...units];
  try {
    await Promise.all(
      workers.map(async (worker) => {
        await answerOf(worker);
        for (let unit = waiting.shift(); unit !== undefined; unit = waiting.shift()) {
          const answer = answerOf(worker);
          worker.postMessage(unit);
          const reply = await answer;
          if (reply.kind === 'failed') throw fromErrorRecord(reply.error);
          if (reply.kind === 'done') onDone(unit, reply.outcome);
        }
      }),
    );
  } finally {
    waiting.length = 0;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function answerOf(worker: Worker): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      worker.off('message', hear);
      worker.off('error', fail);
      worker.off('exit', fail);
    };
    const hear = (reply: Reply): void => {
      leave();
      resolve(reply);
    };
    const fail = (cause: unknown): void => {
      leave();
      if (cause instanceof Error) return reject(cause);
      reject(new MurmurationError('training.failed', `A thread ended with exit code ${String(cause)}.`));
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
