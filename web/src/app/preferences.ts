import type { Consent, ConsentService, Settings } from './services.ts';

const SETTINGS = 'murmuration.settings';
const CONSENTS = 'murmuration.consents';

const DEFAULTS: Settings = { theme: 'system', trainWhen: 'always', effort: 'balanced', keepAwake: true };
const CHOICES: { readonly [K in keyof Settings]: readonly Settings[K][] } = {
  theme: ['system', 'light', 'dark'],
  trainWhen: ['always', 'visible'],
  effort: ['gentle', 'balanced', 'full'],
  keepAwake: [true, false],
};

/** What was chosen before; a value that is no longer known counts as not chosen. */
export function loadSettings(storage: Storage): Settings {
  const stored = readObject(storage, SETTINGS);
  const known = Object.entries(CHOICES).filter(([key, choices]) =>
    (choices as readonly unknown[]).includes(stored[key]),
  );
  return { ...DEFAULTS, ...Object.fromEntries(known.map(([key]) => [key, stored[key]])) };
}

export function saveSettings(storage: Storage, settings: Settings): void {
  storage.setItem(SETTINGS, JSON.stringify(settings));
}

/** Consents by federation. One that was given to another revision is returned too: the caller compares. */
export function storedConsents(storage: Storage): ConsentService {
  const read = () => readObject(storage, CONSENTS) as Record<string, Consent>;
  const write = (consents: Record<string, Consent>) => storage.setItem(CONSENTS, JSON.stringify(consents));
  return {
    of: (federationId) => {
      const consent = Object.hasOwn(read(), federationId) ? read()[federationId] : undefined;
      return typeof consent?.revision === 'number' && typeof consent.datasetId === 'string' ? consent : undefined;
    },
    give: (consent) => write({ ...read(), [consent.federationId]: consent }),
    withdraw: (federationId) => {
      const { [federationId]: _withdrawn, ...others } = read();
      write(others);
    },
  };
}

function readObject(storage: Storage, key: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(storage.getItem(key) ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch (error) {
    console.warn(`${key} cannot be read; starting from the defaults.`, error);
    return {};
  }
}
