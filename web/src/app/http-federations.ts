import { hasCode, MurmurationError } from '../../../shared/errors/index.ts';
import type { Federation, FederationInput } from '../../../shared/federation/index.ts';
import { problemOf } from './problem.ts';
import type { Cached, FederationsService } from './services.ts';
import type { Reachability } from './reachability.ts';

const REMEMBERED = 'murmuration.federations';
const TIMEOUT_MS = 15_000;
/** Enough to read without the server; beyond it, the oldest are forgotten. */
const MAX_REMEMBERED = 50;

/** Federations over HTTP, remembered on the device so that they can be read without the server. */
export function httpFederations(reachability: Reachability, storage: Storage): FederationsService {
  const request = async (path: string, init: RequestInit, signal?: AbortSignal): Promise<unknown> => {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
    try {
      response = await fetch(path, {
        ...init,
        headers: { accept: 'application/json', ...init.headers },
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
    } catch (cause) {
      if (signal?.aborted) throw new MurmurationError('aborted', 'The request was given up.', { cause });
      reachability.report(false);
      throw new MurmurationError('http.unavailable', 'The server cannot be reached.', {
        remedy: 'Check the connection and try again.',
        cause,
      });
    }
    reachability.report(response.status < 500);
    if (!response.ok) throw await problemOf(response);
    return response.json();
  };

  const parse = async (input: unknown): Promise<Federation> =>
    (await import('../../../shared/federation/index.ts')).parseFederation(input);

  return {
    async list(signal) {
      const remembered = recall(storage);
      try {
        const body = await request('/api/federations', {}, signal);
        const items = Array.isArray(body) ? body : ((body as { federations?: unknown[] }).federations ?? []);
        const value = await Promise.all(items.map(parse));
        remember(storage, value);
        return { value, from: 'server' };
      } catch (error) {
        if (!hasCode(error, 'http.unavailable') || remembered.length === 0) throw error;
        return { value: await Promise.all(remembered.map(parse)), from: 'device' };
      }
    },

    async get(id, signal): Promise<Cached<Federation>> {
      try {
        const value = await parse(await request(`/api/federations/${id}`, {}, signal));
        remember(storage, [value]);
        return { value, from: 'server' };
      } catch (error) {
        const known = recall(storage).find((document) => document.id === id);
        if (!hasCode(error, 'http.unavailable') || known === undefined) throw error;
        return { value: await parse(known), from: 'device' };
      }
    },

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
      const federation = await parse(document);
      const body = await request(
        '/api/federations',
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(federation),
        },
        signal,
      );
      const created = await parse(body);
      remember(storage, [created]);
      return created;
    },
  };
}

/** Newest first. What cannot be read is as good as not there: the server has the truth. */
function recall(storage: Storage): readonly { readonly id: string }[] {
  try {
    const list: unknown = JSON.parse(storage.getItem(REMEMBERED) ?? '[]');
    return Array.isArray(list) ? list : [];
  } catch (error) {
    console.warn('The remembered federations cannot be read; they are fetched again.', error);
    return [];
  }
}

function remember(storage: Storage, federations: readonly Federation[]): void {
  const fresh = new Set(federations.map(({ id }) => id));
  const kept = recall(storage).filter(({ id }) => !fresh.has(id));
  try {
    storage.setItem(REMEMBERED, JSON.stringify([...federations, ...kept].slice(0, MAX_REMEMBERED)));
  } catch (error) {
    console.warn('There is no room to remember federations; they need the server.', error);
  }
}
