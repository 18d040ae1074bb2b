import { afterEach, describe, expect, it, vi } from 'vitest';
import { MurmurationError } from '../../../shared/errors/index.ts';
import type { JobId } from './api.ts';
import { type Reply, replyWith } from './reply.ts';
import { WorkerCalls } from './worker-calls.ts';

class FakeWorker extends EventTarget {
  terminated = false;
  terminate(): void {
    this.terminated = true;
  }
}

const never = () => new Promise<never>(() => undefined);

function setUp() {
  const worker = new FakeWorker();
  const cancelled: JobId[] = [];
  return { worker, cancelled, calls: new WorkerCalls(worker, (job) => cancelled.push(job)) };
}

describe('WorkerCalls', () => {
  afterEach(() => void vi.useRealTimers());

  it('resolves with the value of the reply', async () => {
    const { calls } = setUp();
    await expect(calls.run(undefined, () => replyWith(() => 42))).resolves.toBe(42);
  });

  it('rethrows an error of the worker with its code and facts', async () => {
    const { calls } = setUp();
    const error = new MurmurationError('data.empty', 'There are no examples.', { expected: 'at least one' });
    const failed = calls.run(undefined, async () =>
      structuredClone(await replyWith(() => Promise.reject(error))),
    );
    await expect(failed).rejects.toMatchObject({
      name: 'MurmurationError',
      code: 'data.empty',
      message: error.message,
      facts: { expected: 'at least one' },
    });
  });

  it('gives an error without a name the code training.failed', async () => {
    const { calls } = setUp();
    const failed = calls.run(undefined, () =>
      replyWith((): number => {
        throw new RangeError('out of memory');
      }),
    );
    await expect(failed).rejects.toMatchObject({ code: 'training.failed', message: 'out of memory' });
  });

  it('gives each call a job of its own, and cancels the aborted one at once', async () => {
    const { calls, cancelled } = setUp();
    const jobs: JobId[] = [];
    const note = (job: JobId) => {
      jobs.push(job);
      return never();
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const outcomes = [calls.run(first.signal, note), calls.run(second.signal, note)];
    second.abort('paused');
    await expect(outcomes[1]).rejects.toMatchObject({ code: 'training.cancelled', cause: 'paused' });
    expect(jobs).toHaveLength(2);
    expect(jobs[0]).not.toBe(jobs[1]);
    expect(cancelled).toEqual([jobs[1]]);
  });

  it('does not call with a signal already aborted', async () => {
    const { calls } = setUp();
    let called = false;
    const outcome = calls.run(AbortSignal.abort(), () => {
      called = true;
      return never();
    });
    await expect(outcome).rejects.toMatchObject({ code: 'training.cancelled' });
    expect(called).toBe(false);
  });

  it('does not cancel a job that is done', async () => {
    const { calls, cancelled } = setUp();
    const controller = new AbortController();
    await calls.run(controller.signal, () => replyWith(() => 1));
    controller.abort();
    expect(cancelled).toEqual([]);
  });

  it('ends a worker that goes on with what was cancelled, not one that stops', async () => {
    vi.useFakeTimers();
    for (const stops of [true, false]) {
      const { worker, calls } = setUp();
      const controller = new AbortController();
      let reply: (reply: Reply<number>) => void = () => undefined;
      const cancelled = calls.run(
        controller.signal,
        () =>
          new Promise<Reply<number>>((resolve) => {
            reply = resolve;
          }),
      );
      controller.abort();
      await expect(cancelled).rejects.toMatchObject({ code: 'training.cancelled' });
      if (stops) reply({ ok: true, value: 1 });
      await vi.runAllTimersAsync();
      expect(worker.terminated).toBe(!stops);
      expect(calls.dead).toBe(!stops);
    }
  });

  it.each(['error', 'messageerror'])('rejects every call once the worker fires %s', async (type) => {
    const { worker, calls } = setUp();
    const pending = [calls.run(undefined, never), calls.run(undefined, never)];
    worker.dispatchEvent(new Event(type));
    for (const call of pending) await expect(call).rejects.toMatchObject({ code: 'training.failed' });
    await expect(calls.run(undefined, never)).rejects.toMatchObject({ code: 'training.failed' });
    expect(worker.terminated).toBe(true);
  });

  it('rejects every call when it is ended, and keeps the first reason', async () => {
    const { worker, calls } = setUp();
    const pending = calls.run(undefined, never);
    calls.end('The trainer was closed.');
    calls.end('Again.');
    await expect(pending).rejects.toThrow(/The trainer was closed\./);
    await expect(calls.run(undefined, never)).rejects.toThrow(/The trainer was closed\./);
    expect(worker.terminated).toBe(true);
  });

  it('passes on a call that could not be made', async () => {
    const { calls } = setUp();
    const unclonable = (): Promise<Reply<number>> => Promise.reject(new DOMException('no', 'DataCloneError'));
    await expect(calls.run(undefined, unclonable)).rejects.toMatchObject({ code: 'training.failed' });
  });
});
