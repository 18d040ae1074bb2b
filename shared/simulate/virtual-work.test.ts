import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createVirtualWork } from './virtual-work.ts';

/** A computation that ends when told to. */
function computation<T>() {
  let finish!: (value: T) => void;
  let fail!: (error: Error) => void;
  const result = new Promise<T>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return { compute: () => result, finish, fail };
}

const never = () => new AbortController().signal;
const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

test('outcomes come in virtual order, whichever was computed first', async () => {
  const clock = createVirtualClock(0);
  const work = createVirtualWork(clock);
  const [first, second] = [computation<string>(), computation<string>()];
  const order: string[] = [];
  void work.start(10, never(), first.compute).then((name) => order.push(name));
  void work.start(20, never(), second.compute).then((name) => order.push(name));
  second.finish('second');
  await flush();
  expect(order, 'its time has not come').toEqual([]);
  clock.step();
  expect(work.overdue).toBeDefined();
  first.finish('first');
  await work.overdue;
  await flush();
  expect(order).toEqual(['first']);
  expect(work.overdue).toBeUndefined();
  clock.step();
  await work.overdue;
  await flush();
  expect(order).toEqual(['first', 'second']);
});

test('a failure arrives in its time, and nothing stays overdue', async () => {
  const clock = createVirtualClock(0);
  const work = createVirtualWork(clock);
  const job = computation<string>();
  const outcome = work.start(10, never(), job.compute);
  job.fail(new Error('no luck'));
  clock.step();
  await expect(outcome).rejects.toThrow('no luck');
  await flush();
  expect(work.overdue).toBeUndefined();
});

test('an aborted job rejects at once and leaves no timer behind', async () => {
  const clock = createVirtualClock(0);
  const work = createVirtualWork(clock);
  const controller = new AbortController();
  const outcome = work.start(10, controller.signal, computation<string>().compute);
  controller.abort(new Error('enough'));
  await expect(outcome).rejects.toThrow('enough');
  expect(clock.pending).toBe(0);
  await expect(work.start(10, controller.signal, computation<string>().compute)).rejects.toThrow('enough');
  expect(clock.pending).toBe(0);
});
