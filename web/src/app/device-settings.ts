import { documentHash, isCovered } from '../session/consent.ts';
import {
  changeSettings,
  defaultSettings,
  deleteEverything,
  giveConsent,
  listConsents,
  loadIdentity,
  loadSettings,
  storageUsage,
  withdrawConsent,
} from '../storage/index.ts';
import type { Consent, ConsentService, Settings, SettingsService } from './services.ts';

/**
 * Settings and consents as stored on the device, mirrored so that views can read them at once. Where the
 * browser offers no storage, the page runs on defaults and says so when something is to be kept.
 */
export async function deviceSettings(): Promise<{ settings: SettingsService; consents: ConsentService }> {
  let [current, given] = await Promise.all([loadSettings(), listConsents()]).catch((error: unknown) => {
    console.warn('Settings cannot be read; the page runs on defaults.', error);
    return [defaultSettings, []] as [Settings, Consent[]];
  });
  const listeners = new Set<(settings: Settings) => void>();
  const changed = (settings: Settings): void => {
    current = settings;
    for (const listener of listeners) listener(settings);
  };

  const settings: SettingsService = {
    get current() {
      return current;
    },
    change: async (changes) => changed(await changeSettings(changes)),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    identityId: async () => (await loadIdentity()).id,
    storage: storageUsage,
    async deleteEverything() {
      await deleteEverything();
      await Promise.all((await caches.keys()).filter(isOurData).map((name) => caches.delete(name)));
      given = [];
      changed(defaultSettings);
    },
  };

  const consentOf = (federationId: string) => given.find((consent) => consent.federationId === federationId);
  const give = async (consent: Consent): Promise<void> => {
    await giveConsent(consent);
    given = [...without(given, consent.federationId), consent];
  };

  const consents: ConsentService = {
    of: consentOf,
    covers: (federation) => isCovered(consentOf(federation.id), federation),
    async agree(federation, datasetId) {
      const known = consentOf(federation.id);
      // Words for all that a federation may ask for: loaded when somebody agrees.
      const { termsOf } = await import('./consent-terms.ts');
      await give({
        federationId: federation.id,
        revision: federation.revision,
        datasetId,
        atMs: known !== undefined && isCovered(known, federation) ? known.atMs : Date.now(),
        documentHash: documentHash(federation),
        terms: termsOf(federation),
      });
    },
    give,
    async withdraw(federationId) {
      await withdrawConsent(federationId);
      given = without(given, federationId);
    },
  };
  return { settings, consents };
}

/** Cached sample data is ours to delete; the page itself is the browser's. */
function isOurData(cacheName: string): boolean {
  return cacheName.startsWith('murmuration/');
}

function without(consents: readonly Consent[], federationId: string): Consent[] {
  return consents.filter((consent) => consent.federationId !== federationId);
}
