import { afterEach, describe, expect, test, vi } from 'vitest';
import { MurmurationError } from '../../../shared/errors/index.ts';
import { openDatabase } from './db.ts';
import { committed, storageError } from './storage-error.ts';

afterEach(() => vi.unstubAllGlobals());

describe('what IndexedDB throws gets a name', () => {
  test('a full disk, with how much room there is at most, and what to do', async () => {
    const estimate = async () => ({ usage: 40_000_000, quota: 100_000_000 });
    vi.stubGlobal('navigator', { storage: { estimate } });
    const error = await storageError(new DOMException('', 'QuotaExceededError'));
    expect(error.code).toBe('storage.full');
    expect(error.facts.received).toBe('at most 60 MB free of the 100 MB that the browser allows');
    expect(error.facts.remedy).toContain('Delete data sets');
  });

  test('a full disk where the browser tells nothing about room', async () => {
    vi.stubGlobal('navigator', {});
    const error = await storageError(new DOMException('', 'QuotaExceededError'));
    expect(error.facts.received).toBe('an unknown amount of free space');
  });

  test.each([
    ['NotReadableError', 'storage.corrupt'],
    ['SecurityError', 'storage.unavailable'],
    ['InvalidStateError', 'storage.unavailable'],
  ])('%s is %s', async (name, code) => {
    expect((await storageError(new DOMException('', name))).code).toBe(code);
  });

  test('a named error keeps its name, and a fault in the program is not blamed on the browser', async () => {
    const named = new MurmurationError('aborted', 'x');
    expect(await storageError(named)).toBe(named);
    expect((await storageError(new TypeError('x is undefined'))).code).toBe('internal');
  });
});

test('where there is no IndexedDB, storage is unavailable and says so', async () => {
  await expect(openDatabase('any')).rejects.toMatchObject({ code: 'storage.unavailable' });
});

test('a transaction that fails with the work in it is one failure, not two', async () => {
  const full = new DOMException('', 'QuotaExceededError');
  const work = async (): Promise<void> => {
    throw full;
  };
  await expect(committed({ done: Promise.reject(full) }, work)).rejects.toBe(full);
});
