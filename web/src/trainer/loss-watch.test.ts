import { expect, it } from 'vitest';
import type { BackendLoss } from './backend-loss.ts';
import { watchLoss } from './loss-watch.ts';

const told: BackendLoss = { reason: 'The context went.', transient: true };
const errorOf = ({ reason }: BackendLoss) => new Error(reason);

it('settles as the work does, and keeps nothing of it', async () => {
  const watch = watchLoss(new Promise(() => undefined));
  const [done, failed] = [
    watch.unlessLost(async () => 1, errorOf),
    watch.unlessLost(() => Promise.reject(new Error('a trap')), errorOf),
  ];
  expect(watch.pending).toBe(2);
  expect(await done).toBe(1);
  await expect(failed).rejects.toThrow('a trap');
  expect(watch.pending).toBe(0);
});

it('ends work that a lost backend leaves waiting, and starts no more', async () => {
  let lose: (loss: BackendLoss) => void = () => undefined;
  const watch = watchLoss(
    new Promise((resolve) => {
      lose = resolve;
    }),
  );
  const waiting = watch.unlessLost(() => new Promise(() => undefined), errorOf);
  lose(told);
  await expect(waiting).rejects.toThrow('The context went.');
  expect(watch.pending).toBe(0);
  let started = false;
  const late = watch.unlessLost(async () => {
    started = true;
  }, errorOf);
  await expect(late).rejects.toThrow('The context went.');
  expect(started).toBe(false);
});
