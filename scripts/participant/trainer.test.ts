import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Federation, parseFederation } from '../../shared/federation/index.ts';
import { FULL_PACE } from '../../shared/training/pace.ts';
import { startThread } from '../../signaling-server/threads/job-thread.ts';
import { formatOf } from './read-data.ts';
import { SCRIPT, startTrainer } from './trainer.ts';
import type { TrainerReady } from './trainer-protocol.ts';

const folder = mkdtempSync(join(tmpdir(), 'trainer-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { signal } = new AbortController();

const model = { layers: [{ type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' };
const target = { name: 'label', type: 'class', labels: ['no', 'yes'] };
const federationWith = (data: object): Federation =>
  parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'f',
    name: 'F',
    data,
    model,
    paths: ['direct'],
  });
const records = federationWith({ kind: 'records', features: 2, target });
function start(federation: Federation, name: string, content: string) {
  const path = join(folder, name);
  writeFileSync(path, content);
  const data = { path, format: formatOf(path, federation.data) };
  return startTrainer({ federation, data, testDigits: undefined, pace: FULL_PACE }, signal);
}

test('JSON records train a model in a thread, the same from the same seed', async () => {
  const lines = [0, 1, 2, 3].map((i) => JSON.stringify({ features: [i, -i], label: i < 2 ? 'no' : 'yes' }));
  const trainer = await start(records, 'good.jsonl', lines.join('\n'));
  expect(trainer.examples).toBe(4);
  expect(trainer.dataset).toMatch(/^[0-9a-f]{64}$/);
  const base = await trainer.initialModel();
  const job = { base, seed: 's', signal };
  const [first, second] = [await trainer.train(job), await trainer.train(job)];
  expect(first.update.delta.some((value) => value !== 0)).toBe(true);
  expect([...second.update.delta]).toEqual([...first.update.delta]);
  await trainer.close();
});

test('a thread begins with other data than the session did: it does not train', async () => {
  const path = join(folder, 'changed.json');
  writeFileSync(path, '[{"features":[1,2],"label":"no"}]');
  const setup = {
    federation: records,
    data: { path, format: 'json' as const },
    testDigits: undefined,
    pace: FULL_PACE,
  };
  const thread = startThread<TrainerReady, unknown>(
    'Training',
    SCRIPT,
    { ...setup, dataset: 'another' },
    60_000,
  );
  await expect(thread).rejects.toMatchObject({ code: 'data.unreadable', facts: { path: '--data' } });
});
