import { tidyUp } from '../data/index.ts';
import type { PrivacyCalculator } from '../privacy/client.ts';
import { recall, remember } from '../storage/index.ts';
import { deviceBackends } from './device-backends.ts';
import { deviceData } from './device-data.ts';
import { deviceModel } from './device-model.ts';
import { watchDevice } from './device-policy-watch.ts';
import { deviceSettings } from './device-settings.ts';
import { httpClient } from './http-client.ts';
import { httpFederations } from './http-federations.ts';
import { lazyLedger } from './lazy-ledger.ts';
import { lazySession } from './lazy-session.ts';
import { probeWhileAway, Reachability } from './reachability.ts';
import type { PageSession, Services, SessionService } from './services.ts';

/** Loaded when somebody joins: WebRTC and the round engine are not needed before. */
async function connect(): Promise<SessionService> {
  return (await import('../session/client.ts')).connectSession();
}

/** Loaded when somebody asks: checking brings all of the cryptography with it. */
function transcripts() {
  return import('./transcripts.ts');
}

/** Loaded when somebody asks what a policy costs. */
function lazyCalculator(): PrivacyCalculator {
  let loaded: Promise<PrivacyCalculator> | undefined;
  const calculator = () => {
    loaded ??= import('../privacy/client.ts').then(({ createPrivacyCalculator }) =>
      createPrivacyCalculator(),
    );
    return loaded;
  };
  return {
    costs: async (policy, report, signal) => (await calculator()).costs(policy, report, signal),
    noiseForEpsilon: async (policy, epsilon, signal) =>
      (await calculator()).noiseForEpsilon(policy, epsilon, signal),
  };
}

/** The service worker leaves this address alone, so an answer is the server's own. */
async function isServerBack(): Promise<boolean> {
  return fetch('/health', { cache: 'no-store' }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** What may not be open to everybody is asked for with what this device may show: loaded then. */
async function send(session: PageSession, path: string, init: RequestInit): Promise<Response> {
  if (!/^\/api\/(federations|runs)\//.test(path)) return fetch(path, init);
  return (await import('./bearers.ts')).fetchAsMember(session, path, init);
}

/** Plugs the workers, the storage and the server into the page. */
export async function createServices(): Promise<Services> {
  const reachability = new Reachability();
  probeWhileAway(reachability, isServerBack);
  const memory = { recall: (key: string) => recall(key), remember };
  const session = lazySession(connect, sessionStorage);
  const http = httpClient(reachability, (path, init) => send(session, path, init));
  const { settings, consents } = await deviceSettings();
  tidyUp().catch((error: unknown) => console.warn('Leftovers of imports were not removed.', error));
  const federations = httpFederations(http, memory);
  const versions = async () => (await import('./device-versions.ts')).deviceVersions(http);
  const rights = async () => (await import('./device-rights.ts')).deviceRights(http);
  return {
    federations,
    session,
    data: deviceData(),
    ...deviceModel(http),
    versions: {
      list: async (federation, signal) => (await versions()).list(federation, signal),
      compare: async (federation, from, to, signal) =>
        (await versions()).compare(federation, from, to, signal),
    },
    compression: {
      forecast: async (federation) =>
        (await import('./compression-forecast.ts')).compressionForecast(federation),
    },
    settings,
    consents,
    ledger: lazyLedger(),
    calculator: lazyCalculator(),
    server: reachability,
    device: watchDevice(),
    backends: deviceBackends(federations),
    rights: {
      withdraw: async (federation) => (await rights()).withdraw(federation),
      agreeAgain: async (federation) => (await rights()).agreeAgain(federation),
      agreeIfWithdrawn: async (federation) => (await rights()).agreeIfWithdrawn(federation),
      download: async () => (await rights()).download(),
      erase: async () => (await rights()).erase(),
    },
    transcripts: {
      download: async (run, round) => (await transcripts()).downloadTranscript(run, round),
      check: async (run, round) => (await transcripts()).checkTranscript(run, round),
    },
  };
}
