import { expect, test } from 'vitest';
import { seededRandom } from '../random/index.ts';
import { createVirtualClock } from './virtual-clock.ts';

test('timers run in the order of their times, those of one time in the order of their making', () => {
  const clock = createVirtualClock(0);
  const random = seededRandom('timers');
  const planned = Array.from({ length: 500 }, (_, made) => ({ atMs: random.below(50), made }));
  const ran: typeof planned = [];
  for (const timer of planned)
    clock.after(timer.atMs, () => {
      expect(clock.nowMs()).toBe(timer.atMs);
      ran.push(timer);
    });
  while (clock.step());
  expect(ran).toEqual([...planned].sort((a, b) => a.atMs - b.atMs || a.made - b.made));
  expect(clock.pending).toBe(0);
});

test('what is cancelled does not run and is not waited for; cancelling twice, or too late, changes nothing', () => {
  const clock = createVirtualClock(0);
  const ran: number[] = [];
  const cancels = Array.from({ length: 300 }, (_, i) => clock.after(i, () => ran.push(i)));
  for (const [i, cancel] of cancels.entries()) if (i % 3 !== 0) cancel();
  cancels[1]!();
  expect(clock.pending).toBe(100);
  while (clock.step());
  cancels[0]!();
  expect(ran).toEqual(Array.from({ length: 100 }, (_, i) => 3 * i));
  expect(clock.pending).toBe(0);
  expect(clock.nowMs()).toBe(297);
});

test('it does not run past what it is asked for, and not backwards', () => {
  const clock = createVirtualClock(1000);
  clock.after(-5, () => undefined);
  clock.after(10, () => undefined);
  expect(clock.step(1009)).toBe(true);
  expect(clock.nowMs()).toBe(1000);
  expect(clock.step(1009)).toBe(false);
  expect(clock.nowMs()).toBe(1000);
  expect(clock.step(1010)).toBe(true);
  expect(clock.step()).toBe(false);
});
