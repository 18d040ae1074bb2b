import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { probeWhileAway, Reachability } from './reachability.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('tells changes, and only changes', () => {
  const reachability = new Reachability();
  const told = vi.fn();
  const unsubscribe = reachability.subscribe(told);
  for (const reachable of [true, false, false, true]) reachability.report(reachable);
  unsubscribe();
  reachability.report(false);
  expect(told.mock.calls).toEqual([[false], [true]]);
});

it('asks every ten seconds while the server is away, and stops when it is back', async () => {
  const reachability = new Reachability();
  const probe = vi.fn().mockResolvedValueOnce(false).mockResolvedValue(true);
  probeWhileAway(reachability, probe);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(probe).not.toHaveBeenCalled();

  reachability.report(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reachability.reachable).toBe(false);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reachability.reachable).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(probe).toHaveBeenCalledTimes(2);
});

it('does not ask when another request found the server first', async () => {
  const reachability = new Reachability();
  const probe = vi.fn();
  probeWhileAway(reachability, probe);
  reachability.report(false);
  reachability.report(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(probe).not.toHaveBeenCalled();
});
