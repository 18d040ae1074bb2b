import { hasCode, MurmurationError } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { federationRun } from '../session/runs.ts';
import type { HttpClient } from './http-client.ts';
import type { ModelVersion, VersionComparison, VersionsService } from './services.ts';

const PAGE = 1000;

/** Versions as the server lists them: nobody else has them all. */
export function deviceVersions(
  http: HttpClient,
  runOf = async (id: string, signal?: AbortSignal) => (await federationRun(id, signal)).run,
): VersionsService {
  const newestOf = async (run: string, signal?: AbortSignal): Promise<number | undefined> => {
    try {
      const path = `/api/runs/${run}/models/latest`;
      return Number((await http.request(path, { method: 'HEAD' }, signal)).headers.get('x-model-version'));
    } catch (error) {
      if (hasCode(error, 'model.unavailable') || hasCode(error, 'http.not-found')) return undefined;
      throw error;
    }
  };

  return {
    async list({ id }: Federation, signal) {
      const run = await runOf(id, signal);
      const newest = await newestOf(run, signal);
      if (newest === undefined) return [];
      const from = Math.max(0, newest - PAGE + 1);
      const answer = await http.json(`/api/runs/${run}/versions?from=${from}&limit=${PAGE}`, {}, signal);
      return listed(answer).toReversed();
    },

    async compare({ id }: Federation, from, to, signal) {
      const run = await runOf(id, signal);
      const answer = await http.json(`/api/runs/${run}/versions/compare?from=${from}&to=${to}`, {}, signal);
      return answer as VersionComparison;
    },
  };
}

function listed(answer: unknown): readonly ModelVersion[] {
  const { versions } = answer as { readonly versions?: unknown };
  if (Array.isArray(versions)) return versions as ModelVersion[];
  throw new MurmurationError('wire.malformed', 'The server sent no list of versions.', {
    remedy: 'Reload the page: it may be older than the server.',
  });
}
