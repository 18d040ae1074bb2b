import { expect, test } from 'vitest';
import { createSlots } from './slots.ts';

/** Work that ends when told to. */
function job() {
  let end: (error?: Error) => void = () => undefined;
  let isStarted = false;
  const done = new Promise<void>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve() : reject(error));
  });
  return {
    work: () => {
      isStarted = true;
      return done;
    },
    end: (error?: Error) => end(error),
    isStarted: () => isStarted,
  };
}

test('so many at a time, the others in order, and one that fails makes room', async () => {
  const slots = createSlots(2, 10);
  const jobs = [job(), job(), job(), job()];
  const runs = jobs.map(({ work }) => slots.run(work));
  await Promise.resolve();
  const started = () => jobs.map(({ isStarted }) => isStarted());
  expect(started()).toEqual([true, true, false, false]);
  jobs[1]!.end(new Error('failed'));
  await expect(runs[1]).rejects.toThrow('failed');
  expect(started()).toEqual([true, true, true, false]);
  jobs[0]!.end();
  await runs[0];
  expect(started()).toEqual([true, true, true, true]);
  jobs[2]!.end();
  jobs[3]!.end();
  await Promise.all([runs[2], runs[3]]);
});

test('too many that wait are refused by name', async () => {
  const slots = createSlots(1, 1);
  const [first, second] = [job(), job()];
  const runs = [slots.run(first.work), slots.run(second.work)];
  await expect(slots.run(job().work)).rejects.toMatchObject({ code: 'http.unavailable' });
  first.end();
  second.end();
  await Promise.all(runs);
});

test('whoever gives up leaves the line, and holds nobody up', async () => {
  const slots = createSlots(1, 5);
  const [first, second, third] = [job(), job(), job()];
  const controller = new AbortController();
  const running = slots.run(first.work);
  const given = slots.run(second.work, controller.signal);
  const last = slots.run(third.work);
  controller.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  first.end();
  await running;
  expect([second.isStarted(), third.isStarted()]).toEqual([false, true]);
  third.end();
  await last;
  await expect(slots.run(job().work, controller.signal)).rejects.toThrow('enough');
});
