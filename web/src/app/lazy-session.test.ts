import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionSnapshot } from '../session/snapshot.ts';
import { isInSession, lazySession } from './lazy-session.ts';
import type { SessionService } from './services.ts';

function fakeTab(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  } as Storage;
}

function fakeSession() {
  let emit: (snapshot: SessionSnapshot | undefined) => void = () => undefined;
  const service: SessionService = {
    join: vi.fn(async () => undefined),
    pause: vi.fn(async () => undefined),
    resume: vi.fn(async () => undefined),
    setPace: vi.fn(async () => undefined),
    leave: vi.fn(async () => undefined),
    snapshot: async () => undefined,
    token: async () => undefined,
    subscribe: (listener) => {
      emit = listener;
      return () => undefined;
    },
  };
  return {
    service,
    emit: (phase: SessionSnapshot['phase']) => emit({ federationId: 'f', phase } as SessionSnapshot),
  };
}

const options = { federationId: 'f', datasetId: 'd', paths: ['relay'] as const };
let tab: Storage;
beforeEach(() => {
  tab = fakeTab();
});

describe('lazySession', () => {
  it('loads nothing until somebody joins, and loads once', async () => {
    const { service } = fakeSession();
    const connect = vi.fn(async () => service);
    const session = lazySession(connect, tab);
    session.subscribe(() => undefined);
    await session.restored;
    await session.leave();
    expect(connect).not.toHaveBeenCalled();
    await session.join(options);
    await session.pause();
    expect(connect).toHaveBeenCalledTimes(1);
  });

  it('rejoins with the same choices after a reload, paused if it was', async () => {
    await lazySession(async () => fakeSession().service, tab).join(options);
    const { service } = fakeSession();
    const session = lazySession(async () => service, tab);
    await session.restored;
    expect(service.join).toHaveBeenCalledWith(options);
    expect(service.pause).not.toHaveBeenCalled();

    await session.pause();
    const after = fakeSession();
    await lazySession(async () => after.service, tab).restored;
    expect(after.service.pause).toHaveBeenCalledTimes(1);
  });

  it('leaves what a rule paused to the rule after a reload', async () => {
    const session = lazySession(async () => fakeSession().service, tab);
    await session.join(options);
    await session.pause('on-battery');
    const after = fakeSession();
    await lazySession(async () => after.service, tab).restored;
    expect(after.service.join).toHaveBeenCalledTimes(1);
    expect(after.service.pause).not.toHaveBeenCalled();
  });

  it('hands on the pace that was set before anybody joined, and every later one', async () => {
    const { service } = fakeSession();
    const session = lazySession(async () => service, tab);
    await session.setPace({ maxDuty: 0.5, coolDown: true });
    expect(service.setPace).not.toHaveBeenCalled();
    await session.join(options);
    await session.setPace({ maxDuty: 1, coolDown: true });
    expect(service.setPace).toHaveBeenNthCalledWith(1, { maxDuty: 0.5, coolDown: true });
    expect(service.setPace).toHaveBeenNthCalledWith(2, { maxDuty: 1, coolDown: true });
  });

  it('does not rejoin after leaving, finishing, or failing to rejoin', async () => {
    const left = lazySession(async () => fakeSession().service, tab);
    await left.join(options);
    await left.leave();
    const ending = fakeSession();
    await lazySession(async () => ending.service, tab).join(options);
    ending.emit({ name: 'finished', reason: 'stopped' });
    const connect = vi.fn(async () => fakeSession().service);
    await lazySession(connect, tab).restored;
    expect(connect).not.toHaveBeenCalled();

    await lazySession(async () => fakeSession().service, tab).join(options);
    await expect(lazySession(() => Promise.reject(new Error('no')), tab).restored).rejects.toThrow('no');
    await lazySession(connect, tab).restored;
    expect(connect).not.toHaveBeenCalled();
  });

  it('knows whether it is in a session, once a reload is over', async () => {
    await lazySession(async () => fakeSession().service, tab).join(options);
    const { service, emit } = fakeSession();
    const session = lazySession(async () => service, tab);
    const asked = isInSession(session);
    await session.restored;
    emit({ name: 'connecting' });
    expect(await asked).toBe(true);
    emit({ name: 'finished', reason: 'stopped' });
    expect(await isInSession(session)).toBe(false);
  });

  it('tells late subscribers where the session stands', async () => {
    const { service, emit } = fakeSession();
    const session = lazySession(async () => service, tab);
    await session.join(options);
    emit({ name: 'paused' });
    const seen = vi.fn();
    session.subscribe(seen)();
    expect(seen).toHaveBeenCalledWith(expect.objectContaining({ phase: { name: 'paused' } }));
  });

  it('tries to connect again after it failed', async () => {
    const { service } = fakeSession();
    const connect = vi.fn().mockRejectedValueOnce(new Error('offline')).mockResolvedValue(service);
    const session = lazySession(connect, tab);
    await expect(session.join(options)).rejects.toThrow('offline');
    await session.join(options);
    expect(service.join).toHaveBeenCalledTimes(1);
  });
});
