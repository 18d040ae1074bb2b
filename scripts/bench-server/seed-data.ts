import { resolve } from 'node:path';
import { parseFederation } from '../../shared/federation/index.ts';
import { seededRandom } from '../../shared/random/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { makeModel } from '../../shared/update/index.ts';
import { createLog } from '../../signaling-server/log.ts';
import { openDatabase } from '../../signaling-server/storage/database.ts';
import { openBlobStore } from '../../signaling-server/storage/open-blob-store.ts';
import { repositoryOver } from '../../signaling-server/storage/repository.ts';
import { benchFederation } from '../bench-federation.ts';
import { crowdFederation, type SeededData } from './seeded.ts';

/**
 * Fills a data folder as a server that ran for a while has it: federations, the history of a run, and models of a million
 * parameters. `seed-data.ts FOLDER FEDERATIONS [DATABASE_URL]`, and what there is to know of it on standard output.
 */
const [dataDir, count, databaseUrl] = process.argv.slice(2) as [string, string, string | undefined];
const ROUNDS = 1000;
const MODELS = 3;

const log = createLog('error');
const open = async () => {
  const startMs = performance.now();
  const database = await openDatabase({ dataDir: resolve(dataDir), databaseUrl, log });
  return { database, openMs: performance.now() - startMs };
};

const first = await open();
const repository = repositoryOver(first.database, openBlobStore(dataDir, undefined), { transcriptsKept: 10 });
for (let i = 0; i < Number(count); i++) {
  const federation = parseFederation({
    ...benchFederation('small', { minParticipants: 2, rounds: 1000, checkpointEvery: 1 }),
    id: crowdFederation(i),
  });
  await repository.putFederation(federation);
  await repository.currentRun(federation);
}

const large = benchFederation('large', { minParticipants: 2, rounds: 100_000, checkpointEvery: 1 });
await repository.putFederation(large);
const { id: run } = await repository.currentRun(large);
const { layout } = compileModel(large);
const random = seededRandom('bench');
let hash = '';
for (let version = 1; version <= MODELS; version++) {
  const weights = Float32Array.from({ length: layout.length }, () => random.uniform() - 0.5);
  const model = makeModel(version, layout, weights);
  hash = model.hash;
  await repository.saveModel(run, model);
}
for (let round = 1; round <= ROUNDS; round++)
  await repository.saveRecord(run, {
    round,
    ...{ term: 1, attempt: 1, coordinator: 'server', federationRevision: 1, baseHash: hash, hash },
    ...{ survivors: [], dropped: [], startedAtMs: 1.7e12, trainMs: 100, exchangeMs: 10, applyMs: 10 },
    ...{ evaluation: { total: 100, correct: 90, lossSum: 30 }, secure: null },
  });
await first.database.close();
const second = await open();
await second.database.close();
const seeded: SeededData = {
  ...{ run, hash, version: MODELS, federation: large.id },
  databaseMs: { first: first.openMs, again: second.openMs },
};
console.log(JSON.stringify(seeded));
