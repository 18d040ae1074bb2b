import { expect, it } from 'vitest';
import { MurmurationError } from '../../../shared/errors/index.ts';
import { sampleFederations } from '../../../shared/federation/index.ts';
import { deviceVersions } from './device-versions.ts';
import type { HttpClient } from './http-client.ts';

const federation = sampleFederations[0]!;
const runOf = async () => 'digits-1';

/** A server whose newest version is this; undefined: it has none. */
function serverAt(newest: number | undefined, answer: unknown = { versions: [] }) {
  const asked: string[] = [];
  const http: HttpClient = {
    async request(path) {
      asked.push(path);
      if (newest === undefined) throw new MurmurationError('model.unavailable', 'There is none.');
      return new Response(null, { headers: { 'x-model-version': String(newest) } });
    },
    async json(path) {
      asked.push(path);
      return answer;
    },
  };
  return { asked, versions: deviceVersions(http, runOf) };
}

it('lists the newest first', async () => {
  const { versions, asked } = serverAt(2, { versions: [{ version: 1 }, { version: 2 }] });
  expect((await versions.list(federation)).map(({ version }) => version)).toEqual([2, 1]);
  expect(asked).toEqual([
    '/api/runs/digits-1/models/latest',
    '/api/runs/digits-1/versions?from=0&limit=1000',
  ]);
});

it('asks for the last thousand of many', async () => {
  const { versions, asked } = serverAt(5000);
  await versions.list(federation);
  expect(asked[1]).toContain('from=4001&');
});

it('has none before the first round', async () => {
  expect(await serverAt(undefined).versions.list(federation)).toEqual([]);
});

it('refuses an answer that is no list', async () => {
  await expect(serverAt(2, {}).versions.list(federation)).rejects.toMatchObject({ code: 'wire.malformed' });
});

it('compares two', async () => {
  const { versions, asked } = serverAt(9, { from: { version: 3 } });
  expect(await versions.compare(federation, 3, 9)).toMatchObject({ from: { version: 3 } });
  expect(asked).toEqual(['/api/runs/digits-1/versions/compare?from=3&to=9']);
});
