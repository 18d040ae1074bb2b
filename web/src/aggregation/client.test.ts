import { expect, it } from 'vitest';
import { type AnsweringWorker, askTolerance } from './client.ts';
import { type Tolerance, type ToleranceQuestion, toleranceOf } from './tolerance.ts';

const question = { participants: 20, groupSize: 4, fewest: 3, byzantine: 2 };

/** A worker that does what the test says with a question. */
function fakeWorker(answer: (question: ToleranceQuestion, target: EventTarget) => void) {
  const target = new EventTarget();
  const state = { terminated: false };
  const worker = {
    addEventListener: target.addEventListener.bind(target),
    postMessage: (asked: ToleranceQuestion) => answer(asked, target),
    terminate: () => {
      state.terminated = true;
    },
  } as unknown as AnsweringWorker;
  return { worker, state };
}
const answered = (data: unknown) => new MessageEvent('message', { data });
const signal = () => new AbortController().signal;

it('ends the worker with its answer', async () => {
  const { worker, state } = fakeWorker((asked, target) => {
    target.dispatchEvent(answered({ ok: true, value: toleranceOf(asked) }));
  });
  const tolerance: Tolerance = await askTolerance(question, signal(), () => worker);
  expect(tolerance.certainLiars).toBe(2);
  expect(state.terminated).toBe(true);
});

it('passes a refusal on', async () => {
  const { worker } = fakeWorker((_, target) => {
    target.dispatchEvent(answered({ ok: false, error: { code: 'argument.invalid', message: 'No.' } }));
  });
  await expect(askTolerance(question, signal(), () => worker)).rejects.toMatchObject({
    code: 'argument.invalid',
  });
});

it('does not wait for a worker that failed, or that nobody waits for', async () => {
  const failed = fakeWorker((_, target) => target.dispatchEvent(new Event('error', { cancelable: true })));
  await expect(askTolerance(question, signal(), () => failed.worker)).rejects.toMatchObject({
    code: 'internal',
  });
  expect(failed.state.terminated).toBe(true);
  const silent = fakeWorker(() => undefined);
  const stop = new AbortController();
  const asked = askTolerance(question, stop.signal, () => silent.worker);
  stop.abort();
  await expect(asked).rejects.toMatchObject({ code: 'aborted' });
  expect(silent.state.terminated).toBe(true);
});
