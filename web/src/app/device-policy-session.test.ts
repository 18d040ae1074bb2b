import { describe, expect, it } from 'vitest';
import type { PaceLimits } from '../../../shared/training/pace.ts';
import type { PauseReason, SessionPhase, SessionSnapshot } from '../session/snapshot.ts';
import type { DeviceState, PolicyDecision } from './device-policy.ts';
import { FOLLOWING_NOTHING, type Following, follow, followDevicePolicy } from './device-policy-session.ts';
import type { Services, Settings } from './services.ts';

const waiting: SessionPhase = { name: 'waiting', participants: 2, needed: 2 };
const pausedByPerson: SessionPhase = { name: 'paused' };
const paused = (because: PauseReason): SessionPhase => ({ name: 'paused', because });
const finished: SessionPhase = { name: 'finished', reason: 'stopped' };
const run: PolicyDecision = { run: true, maxDuty: 1, reason: undefined };
const stop = (reason: PauseReason): PolicyDecision => ({ run: false, reason });
const held: Following = { held: true, resuming: false, overridden: undefined };
const resuming: Following = { held: true, resuming: true, overridden: undefined };
const overriding: Following = { held: false, resuming: false, overridden: 'on-battery' };
const pause = (because: PauseReason) => ({ do: 'pause', because }) as const;
const resume = { do: 'resume' } as const;

describe('follow', () => {
  it.each<[string, Following, SessionPhase | undefined, PolicyDecision, object | undefined, Following]>([
    ['no session', held, undefined, stop('hidden'), undefined, FOLLOWING_NOTHING],
    ['a finished one', held, finished, stop('hidden'), undefined, FOLLOWING_NOTHING],
    ['nothing to do', FOLLOWING_NOTHING, waiting, run, undefined, FOLLOWING_NOTHING],
    ['a rule comes true', FOLLOWING_NOTHING, waiting, stop('hidden'), pause('hidden'), FOLLOWING_NOTHING],
    ['it shows', FOLLOWING_NOTHING, paused('hidden'), stop('hidden'), undefined, held],
    ['another rule takes over', held, paused('hidden'), stop('on-battery'), pause('on-battery'), held],
    ['no rule holds any more', held, paused('hidden'), run, resume, resuming],
    ['resumed, and a rule comes true', resuming, waiting, stop('hidden'), pause('hidden'), FOLLOWING_NOTHING],
    ['the person resumes', held, waiting, stop('on-battery'), undefined, overriding],
    ['and stays right', overriding, waiting, stop('on-battery'), undefined, overriding],
    [
      'until another rule comes true',
      overriding,
      waiting,
      stop('hidden'),
      pause('hidden'),
      { held: false, resuming: false, overridden: 'on-battery' },
    ],
    ['or the reason has passed', overriding, waiting, run, undefined, FOLLOWING_NOTHING],
    ['the person pauses', FOLLOWING_NOTHING, pausedByPerson, run, undefined, FOLLOWING_NOTHING],
    [
      'and a rule comes true',
      FOLLOWING_NOTHING,
      pausedByPerson,
      stop('hidden'),
      undefined,
      FOLLOWING_NOTHING,
    ],
  ])('%s', (_, following, phase, decision, command, next) => {
    expect(follow(following, phase, decision)).toEqual({ command, following: next });
  });
});

const silent: DeviceState = {
  visible: true,
  battery: undefined,
  saveData: undefined,
  connection: undefined,
  pressure: undefined,
};

/** A session that does as it is asked, and shows it. */
function setUp(policy: Partial<Settings>) {
  let phase: SessionPhase = waiting;
  let state = silent;
  let current: Settings = {
    theme: 'system',
    trainWhen: 'visible',
    battery: 'any',
    metered: 'allow',
    effort: 'full',
    coolDown: true,
    backend: 'auto',
    keepAwake: false,
    reportsSpeed: false,
    ...policy,
  };
  const asked: string[] = [];
  const paces: PaceLimits[] = [];
  const listeners: Record<'session' | 'settings' | 'device', () => void> = {
    session: () => undefined,
    settings: () => undefined,
    device: () => undefined,
  };
  const show = (next: SessionPhase) => {
    phase = next;
    listeners.session();
  };
  const services = {
    session: {
      subscribe(listener: (snapshot: SessionSnapshot) => void) {
        listeners.session = () => listener({ phase } as SessionSnapshot);
        listeners.session();
        return () => undefined;
      },
      async pause(because: PauseReason) {
        asked.push(because);
        phase = paused(because);
      },
      async resume() {
        asked.push('resume');
        phase = waiting;
      },
      async setPace(pace: PaceLimits) {
        paces.push(pace);
      },
    },
    settings: {
      get current() {
        return current;
      },
      subscribe(listener: () => void) {
        listeners.settings = listener;
        return () => undefined;
      },
    },
  } as unknown as Services;
  const device = {
    get state() {
      return state;
    },
    subscribe(listener: () => void) {
      listeners.device = listener;
      return () => undefined;
    },
  };
  followDevicePolicy({ ...services, device } as unknown as Services);
  const settled = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    listeners.session();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    asked,
    paces,
    show,
    settled,
    device: async (changes: Partial<DeviceState>) => {
      state = { ...state, ...changes };
      listeners.device();
      await settled();
    },
    settings: async (changes: Partial<Settings>) => {
      current = { ...current, ...changes };
      listeners.settings();
      await settled();
    },
  };
}

describe('followDevicePolicy', () => {
  it('pauses while the page is hidden, if that was chosen, and resumes', async () => {
    const { device, asked } = setUp({});
    await device({ visible: false });
    await device({ visible: true });
    await device({ visible: true });
    expect(asked).toEqual(['hidden', 'resume']);
  });

  it('leaves a session alone that no rule touches, or that the person paused', async () => {
    const lax = setUp({ trainWhen: 'always' });
    await lax.device({ visible: false });
    expect(lax.asked).toEqual([]);
    const byHand = setUp({});
    byHand.show(pausedByPerson);
    await byHand.device({ visible: false });
    await byHand.device({ visible: true });
    expect(byHand.asked).toEqual([]);
  });

  it('lets the person resume, and says the new reason when one takes over from another', async () => {
    const { device, show, settled, asked } = setUp({ battery: 'charging' });
    const battery = { charging: false, level: 0.9 };
    await device({ battery });
    show(waiting);
    await settled();
    await device({ battery: { charging: false, level: 0.8 } });
    expect(asked).toEqual(['on-battery']);
    await device({ visible: false });
    expect(asked).toEqual(['on-battery', 'hidden']);
  });

  it('follows a changed rule at once', async () => {
    const { device, settings, asked } = setUp({ trainWhen: 'always' });
    await device({ visible: false });
    await settings({ trainWhen: 'visible' });
    await settings({ trainWhen: 'always' });
    expect(asked).toEqual(['hidden', 'resume']);
  });

  it('sets the pace from effort and pressure, when it changes', async () => {
    const { device, settings, paces } = setUp({ effort: 'balanced' });
    await device({ pressure: 'serious' });
    await device({ pressure: 'serious' });
    await settings({ coolDown: false });
    expect(paces).toEqual([
      { maxDuty: 0.5, coolDown: true },
      { maxDuty: 0.25, coolDown: true },
      { maxDuty: 0.5, coolDown: false },
    ]);
  });
});
