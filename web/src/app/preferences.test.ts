import { beforeEach, describe, expect, it } from 'vitest';
import { loadSettings, saveSettings, storedConsents } from './preferences.ts';

class MemoryStorage implements Storage {
  readonly #items = new Map<string, string>();
  get length() {
    return this.#items.size;
  }
  clear = () => this.#items.clear();
  getItem = (key: string) => this.#items.get(key) ?? null;
  key = (index: number) => [...this.#items.keys()][index] ?? null;
  removeItem = (key: string) => void this.#items.delete(key);
  setItem = (key: string, value: string) => void this.#items.set(key, value);
}

let storage: Storage;
beforeEach(() => {
  storage = new MemoryStorage();
});

describe('settings', () => {
  it('come back as they were saved', () => {
    const chosen = { theme: 'dark', trainWhen: 'visible', effort: 'gentle', keepAwake: false } as const;
    saveSettings(storage, chosen);
    expect(loadSettings(storage)).toEqual(chosen);
  });

  it('fall back one by one when a value is unknown, and wholly when nothing can be read', () => {
    storage.setItem('murmuration.settings', '{"theme":"sepia","effort":"full"}');
    expect(loadSettings(storage)).toMatchObject({ theme: 'system', effort: 'full' });
    storage.setItem('murmuration.settings', '{broken');
    expect(loadSettings(storage)).toMatchObject({ theme: 'system', effort: 'balanced' });
  });
});

describe('consents', () => {
  const consent = { federationId: 'digits', revision: 2, datasetId: 'd1', atMs: 5 };

  it('hold for the federation they were given to, until withdrawn', () => {
    const consents = storedConsents(storage);
    consents.give(consent);
    consents.give({ ...consent, federationId: 'other', revision: 1 });
    expect(consents.of('digits')).toEqual(consent);
    consents.withdraw('digits');
    expect(consents.of('digits')).toBeUndefined();
    expect(consents.of('other')?.revision).toBe(1);
  });

  it('are not made up from what else is in an object', () => {
    expect(storedConsents(storage).of('constructor')).toBeUndefined();
    storage.setItem('murmuration.consents', '{"digits":{"revision":"2"}}');
    expect(storedConsents(storage).of('digits')).toBeUndefined();
  });
});
