import { parentPort } from 'node:worker_threads';
import { check, toErrorRecord } from '../../shared/errors/index.ts';
import type { JobReply, JobRequest } from './protocol.ts';

export interface Workshop<Job, Ready, Result> {
  readonly ready: Ready;
  perform(job: Job, signal: AbortSignal): Result | Promise<Result>;
}

/**
 * The thread's side of job-thread.ts: prepares, says that it is ready, then does what it is asked. A failure to prepare is
 * told by name, and ends the thread.
 */
export async function serveJobs<Job, Ready, Result>(
  prepare: () => Promise<Workshop<Job, Ready, Result>>,
): Promise<void> {
  check(parentPort !== null, 'internal', 'This file is for a worker thread.');
  const port = parentPort;
  const running = new Map<number, AbortController>();
  const reply = (message: JobReply<Ready, Result>): void => port.postMessage(message);

  const answer = async (
    id: number,
    work: (signal: AbortSignal) => Result | Promise<Result>,
  ): Promise<void> => {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      reply({ id, result: await work(controller.signal) });
    } catch (thrown) {
      reply({ id, error: toErrorRecord(thrown) });
    } finally {
      running.delete(id);
    }
  };

  try {
    const { ready, perform } = await prepare();
    port.on('message', (request: JobRequest<Job>) => {
      if ('cancel' in request) running.get(request.cancel)?.abort();
      else void answer(request.id, (signal) => perform(request.job, signal));
    });
    reply({ ready });
  } catch (thrown) {
    reply({ unfit: toErrorRecord(thrown) });
  }
}
