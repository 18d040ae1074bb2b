import { z } from 'zod';
import { type Consent, type Database, database } from './db.ts';
import { committed, estimateStorage, stored } from './storage-error.ts';

/** What a person decided for this device. A field that an older or newer version wrote differently falls back. */
const settingsSchema = z.object({
  theme: z.enum(['system', 'light', 'dark']).catch('system'),
  /** `visible`: rounds are skipped while the page is hidden. */
  trainWhen: z.enum(['always', 'visible']).catch('always'),
  /** `above-20`: rounds are skipped on battery with a fifth of it left, or less. */
  battery: z.enum(['any', 'above-20', 'above-50', 'charging']).catch('above-20'),
  /** `pause`: rounds are skipped on connections that the browser calls metered. */
  metered: z.enum(['allow', 'pause']).catch('pause'),
  /** How much of the time training takes. */
  effort: z.enum(['gentle', 'balanced', 'full']).catch('full'),
  /** Rest more while the device is hot or slow. */
  coolDown: z.boolean().catch(true),
  /** What trains: the fastest that works, or this one as long as it works. */
  backend: z.enum(['auto', 'wasm', 'webgpu', 'webgl', 'cpu']).catch('auto'),
  /** Keep the screen on during a session. */
  keepAwake: z.boolean().catch(false),
  /** Tell coordinators that select by resources how fast this device is. */
  reportsSpeed: z.boolean().catch(false),
});

export type Settings = Readonly<z.output<typeof settingsSchema>>;

export const defaultSettings: Settings = settingsSchema.parse({});

export async function loadSettings(db?: Database): Promise<Settings> {
  return stored(async () => {
    const found = await (db ?? (await database())).get('settings', 'device');
    const parsed = settingsSchema.safeParse(found ?? {});
    return parsed.success ? parsed.data : defaultSettings;
  });
}

/** Changes some settings in one transaction; two tabs that change different ones both win. */
export async function changeSettings(changes: Partial<Settings>, db?: Database): Promise<Settings> {
  return stored(async () => {
    const transaction = (db ?? (await database())).transaction('settings', 'readwrite');
    return committed(transaction, async () => {
      const found = await transaction.store.get('device');
      const parsed = settingsSchema.safeParse(found ?? {});
      const settings = { ...(parsed.success ? parsed.data : defaultSettings), ...changes };
      await transaction.store.put(settings, 'device');
      return settings;
    });
  });
}

/**
 * A remembered value of any shape, such as the federations last seen, for use without the server. The caller
 * parses it: what is found may have been written by another version of the page.
 */
export async function recall(key: string, db?: Database): Promise<unknown> {
  return stored(async () => (await (db ?? (await database())).get('settings', `memo/${key}`)) as unknown);
}

export async function remember(key: string, value: unknown, db?: Database): Promise<void> {
  await stored(async () => (db ?? (await database())).put('settings', value, `memo/${key}`));
}

export async function listConsents(db?: Database): Promise<Consent[]> {
  return stored(async () => (db ?? (await database())).getAll('consents'));
}

export async function giveConsent(consent: Consent, db?: Database): Promise<void> {
  await stored(async () => (db ?? (await database())).put('consents', consent));
}

export async function withdrawConsent(federationId: string, db?: Database): Promise<void> {
  await stored(async () => (db ?? (await database())).delete('consents', federationId));
}

export interface StorageUsage {
  readonly usedBytes: number;
  readonly quotaBytes: number | undefined;
  /** Whether the browser promised not to clear it on its own. */
  readonly persistent: boolean;
}

export async function storageUsage(): Promise<StorageUsage> {
  const { usage, quota } = await estimateStorage();
  return {
    usedBytes: usage ?? 0,
    quotaBytes: quota,
    persistent: (await navigator.storage?.persisted?.()) ?? false,
  };
}

/** Asks the browser not to clear the data on its own. @returns whether it promised. */
export async function requestPersistence(): Promise<boolean> {
  return (await navigator.storage?.persist?.()) ?? false;
}

/** Empties every store: data, models, identity, ledger, consents, settings. Nothing can bring them back. */
export async function deleteEverything(db?: Database): Promise<void> {
  await stored(async () => {
    const storage = db ?? (await database());
    const names = [...storage.objectStoreNames];
    const transaction = storage.transaction(names, 'readwrite');
    await committed(transaction, () =>
      Promise.all(names.map((name) => transaction.objectStore(name).clear())),
    );
  });
}
