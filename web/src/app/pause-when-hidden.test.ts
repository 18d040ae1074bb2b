import { expect, it, vi } from 'vitest';
import type { SessionPhase } from '../session/snapshot.ts';
import { pauseWhenHidden } from './pause-when-hidden.ts';
import type { Services } from './services.ts';

class FakePage extends EventTarget {
  visibilityState = 'visible';
}

function setUp(trainWhen: 'always' | 'visible', phase: SessionPhase) {
  const page = new FakePage();
  const done = vi.fn();
  const session = {
    snapshot: async () => ({ phase }),
    pause: vi.fn(async () => done('paused')),
    resume: vi.fn(async () => done('resumed')),
  };
  const services = { session, settings: { current: { trainWhen } } } as unknown as Services;
  pauseWhenHidden(services, page as unknown as Document);
  const show = async (visibilityState: 'hidden' | 'visible') => {
    page.visibilityState = visibilityState;
    page.dispatchEvent(new Event('visibilitychange'));
    // The snapshot and the call that follows it take two microtasks; a macrotask is after both.
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { show, calls: () => done.mock.calls.flat() };
}
const waiting: SessionPhase = { name: 'waiting', participants: 2, needed: 2 };

it('pauses while the page is hidden, if that was chosen, and resumes', async () => {
  const { show, calls } = setUp('visible', waiting);
  await show('hidden');
  await show('visible');
  await show('visible');
  expect(calls()).toEqual(['paused', 'resumed']);
});

it.each([
  ['always', waiting],
  ['visible', { name: 'paused' }],
  ['visible', { name: 'finished', reason: 'stopped' }],
] as const)('leaves the session alone: %s, %o', async (trainWhen, phase) => {
  const { show, calls } = setUp(trainWhen, phase);
  await show('hidden');
  await show('visible');
  expect(calls()).toEqual([]);
});
