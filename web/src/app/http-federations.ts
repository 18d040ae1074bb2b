import { hasCode, MurmurationError } from '../../../shared/errors/index.ts';
import type { Federation, FederationInput } from '../../../shared/federation/index.ts';
import type { HttpClient } from './http-client.ts';
import type { Cached, FederationsService } from './services.ts';

const KEY = 'federations';
const PAGE = 500;
/** Enough to read without the server; beyond it, those seen longest ago are forgotten. */
const MAX_REMEMBERED = 50;

/** Where values are kept for use without the server. What comes out may be of any shape. */
export interface Memory {
  recall(key: string): Promise<unknown>;
  remember(key: string, value: unknown): Promise<void>;
}

/** Federations over HTTP, remembered on the device so that they can be read without the server. */
export function httpFederations(http: HttpClient, memory: Memory): FederationsService {
  const known = async (): Promise<readonly Federation[]> => {
    const list = await memory.recall(KEY);
    return Array.isArray(list) ? parseKnown(list) : [];
  };

  /** Without room to remember, the page still works while the server answers. */
  const remember = async (federations: readonly Federation[]): Promise<void> => {
    try {
      const fresh = new Set(federations.map(({ id }) => id));
      const kept = (await known()).filter(({ id }) => !fresh.has(id));
      await memory.remember(KEY, [...federations, ...kept].slice(0, MAX_REMEMBERED));
    } catch (error) {
      console.warn('Federations are not remembered for use without the server.', error);
    }
  };

  const orKnown = async <T>(
    ask: () => Promise<T>,
    find: (federations: readonly Federation[]) => T | undefined,
  ): Promise<Cached<T>> => {
    try {
      return { value: await ask(), from: 'server' };
    } catch (error) {
      const isAway = hasCode(error, 'http.unavailable');
      const isMember = hasCode(error, 'access.expired') || hasCode(error, 'http.unauthorized');
      const value = isAway || isMember ? find(await known()) : undefined;
      if (value === undefined) throw error;
      return { value, from: 'device' };
    }
  };

  return {
    list: (signal) =>
      orKnown(
        async () => {
          const body = await http.json(`/api/federations?limit=${PAGE}`, {}, signal);
          const federations = await parseListed((body as { federations?: unknown }).federations);
          await remember(federations);
          return federations;
        },
        (federations) => (federations.length === 0 ? undefined : federations),
      ),

    get: (id, signal) =>
      orKnown(
        async () => {
          const federation = await parse(await http.json(`/api/federations/${id}`, {}, signal));
          await remember([federation]);
          return federation;
        },
        (federations) => federations.find((federation) => federation.id === id),
      ),

    async validate(text) {
      let input: unknown;
      try {
        input = JSON.parse(text);
      } catch (cause) {
        throw new MurmurationError('federation.invalid', 'This is not JSON.', {
          received: cause instanceof Error ? cause.message : String(cause),
          remedy: 'Paste the whole document, from the first { to the last }.',
        });
      }
      return parse(input);
    },

    async create(document: FederationInput, signal) {
      const body = JSON.stringify(await parse(document));
      const headers = { 'content-type': 'application/json' };
      const created = await parse(
        await http.json('/api/federations', { method: 'POST', headers, body }, signal),
      );
      await remember([created]);
      return created;
    },
  };
}

/** The validator is loaded when it is first needed. */
async function parse(input: unknown): Promise<Federation> {
  return (await import('../../../shared/federation/index.ts')).parseFederation(input);
}

async function parseListed(list: unknown): Promise<readonly Federation[]> {
  if (!Array.isArray(list))
    throw new MurmurationError('wire.malformed', 'The server sent no list of federations.', {
      remedy: 'Reload the page: it may be older than the server.',
    });
  return Promise.all(list.map(parse));
}

/** What another version of the page remembered and this one cannot read is left out. */
async function parseKnown(list: readonly unknown[]): Promise<readonly Federation[]> {
  const results = await Promise.allSettled(list.map(parse));
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
