import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresBinaries, startPostgres } from '../signaling-server/testing/postgres.ts';
import { freePort } from '../signaling-server/testing/redis.ts';
import { ask } from './bench-server/ask.ts';
import { failuresOf, type Results } from './bench-server/bounds.ts';
import { measureConnections } from './bench-server/connections.ts';
import {
  type Credentials,
  type Crowd,
  connectBareCrowd,
  connectCrowd,
  makeCredentials,
} from './bench-server/crowd.ts';
import { loadDownloads } from './bench-server/downloads.ts';
import { bindThisProcess, type ProcessUnderTest, startProcess } from './bench-server/process-under-test.ts';
import { loadRelay } from './bench-server/relay.ts';
import { report } from './bench-server/report.ts';
import { loadRest, REST_FEDERATIONS, restCases, START_NAME } from './bench-server/rest.ts';
import { crowdFederation, type SeededData, seedData } from './bench-server/seeded.ts';
import { SOAKING, soak } from './bench-server/soak.ts';
import { measureStartUp } from './bench-server/start-up.ts';
import { integerOption, readOptions, writeJson } from './options.ts';

/**
 * `npm run bench:server`: what the server takes and gives on one core, beside a bare one under the same load. The server is a process
 * of its own on the first core; whoever asks is this process, on the second.
 */
const PARTS = ['start', 'relay', 'rest', 'downloads', 'soak'] as const;
type Part = (typeof PARTS)[number];

/** As large as a mesh becomes before it is divided: everybody is told of everybody. */
const FEDERATION_SIZE = 100;
const DEFAULT_SOAK_MINUTES = 1;
const OPERATOR_KEY = randomBytes(24).toString('base64url');

const options = readOptions({
  connections: { type: 'string', default: '5000' },
  rate: { type: 'string', default: '8000' },
  seconds: { type: 'string', default: '20' },
  starts: { type: 'string', default: '5' },
  minutes: { type: 'string' },
  only: { type: 'string' },
  postgres: { type: 'boolean', default: false },
  profile: { type: 'string' },
});
const connections = integerOption('connections', options.connections, FEDERATION_SIZE, 20_000);
const perSecond = integerOption('rate', options.rate, 1, 100_000);
const seconds = integerOption('seconds', options.seconds, 1, 600);
const starts = integerOption('starts', options.starts, 1, 100);
const minutes =
  options.minutes === undefined ? DEFAULT_SOAK_MINUTES : integerOption('minutes', options.minutes, 1, 10_000);
const parts = partsOf(options.only);

bindThisProcess();
const folder = mkdtempSync(join(tmpdir(), 'bench-server-'));
const binaries = postgresBinaries();
if (options.postgres && binaries === undefined) {
  console.error('--postgres: no PostgreSQL is installed here (package postgresql).');
  process.exit(2);
}
const postgres = options.postgres ? await startPostgres(binaries!) : undefined;
const running = new Set<ProcessUnderTest>();
try {
  const seeded = seedData(
    folder,
    Math.max(REST_FEDERATIONS, Math.ceil(connections / FEDERATION_SIZE)),
    postgres?.url,
  );
  const results = await measureAll(seeded);
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, server on one core, clients on another`;
  const database = postgres === undefined ? 'embedded database' : 'PostgreSQL';
  console.log(`${machine}; ${database}; Node ${process.versions.node}.\n\n${report(results)}`);
  writeJson(options.json, {
    ...{ date: new Date().toISOString(), machine, database, node: process.versions.node },
    ...results,
  });
  const failures = failuresOf(results);
  for (const failure of failures) console.error(failure);
  if (options.check && failures.length > 0) process.exitCode = 1;
} finally {
  await Promise.all([...running].map((server) => server.stop()));
  await postgres?.dispose();
  rmSync(folder, { recursive: true, force: true });
}

async function measureAll(seeded: SeededData): Promise<Results> {
  const results: { -readonly [K in keyof Results]: Results[K] } = {};
  if (parts.has('start')) {
    say('start-up');
    results.startUp = await measureStartUp(startOurs, folder, seeded.databaseMs, starts);
  }
  if (parts.has('relay')) {
    say('connections and relay');
    const ours = await withServer(
      () => startOurs(folder, 'relay'),
      (server) =>
        measureRelay(server, (crowd) =>
          connectCrowd(server.url, crowd, (i) => crowdFederation(Math.floor(i / FEDERATION_SIZE))),
        ),
    );
    const bare = await withServer(
      () => startBare({}),
      (server) => measureRelay(server, (crowd) => connectBareCrowd(server.url, crowd)),
    );
    results.connections = { ours: ours.connections, bare: bare.connections };
    results.relay = { ours: ours.relay, bare: bare.relay };
  }
  if (parts.has('rest') || parts.has('downloads')) {
    say('requests and downloads');
    Object.assign(results, await measureHttp(seeded));
  }
  if (parts.has('soak')) {
    say(`soak, ${minutes} minutes`);
    results.soak = await withServer(
      () => startOurs(folder, 'soak'),
      (server) => soak(server, seeded, makeCredentials(SOAKING), minutes),
    );
  }
  return results;
}

/** @param connect the n-th of these, to the same federation as its neighbour. */
async function measureRelay(
  server: ProcessUnderTest,
  connect: (credentials: readonly Credentials[]) => Promise<Crowd>,
) {
  const { crowd, result } = await measureConnections(
    server,
    () => connect(makeCredentials(FEDERATION_SIZE)),
    () => connect(makeCredentials(connections)),
  );
  const load = { perSecond, seconds, warmUpSeconds: 3 };
  const relay = await loadRelay(crowd, load, server.processorMs, result.atRest);
  await crowd.close();
  return { connections: result, relay };
}

async function measureHttp(seeded: SeededData): Promise<Pick<Results, 'rest' | 'downloads'>> {
  const modelPath = `/api/runs/${seeded.run}/models/${seeded.version}`;
  const { federation, model, ...ours } = await withServer(
    () => startOurs(folder, 'http'),
    async ({ url, processorMs }) => {
      const key = await makeKey(url);
      const training = await startTraining(url, key);
      const cases = parts.has('rest') ? restCases(seeded, training, key, OPERATOR_KEY) : [];
      const rest = [];
      // The first one also compiles what all have in common: it comes twice, and counts the second time.
      for (const each of [...cases.slice(0, 1), ...cases])
        rest.push(await loadRest(url, each, seconds / 4, processorMs));
      const notModified = {
        name: '304 of a model',
        requests: [{ method: 'GET', path: modelPath, headers: { 'if-none-match': `"${seeded.hash}"` } }],
        status: [304],
      };
      return {
        rest,
        federation: await ask(`${url}/api/federations/${seeded.federation}`),
        model: Buffer.from(await (await fetch(`${url}${modelPath}`)).arrayBuffer()),
        download: await loadDownloads(`${url}${modelPath}`, seconds / 4, processorMs),
        notModified: await loadRest(url, notModified, seconds / 4, processorMs),
      };
    },
  );
  return withServer(
    () => startBare({ federation, model }),
    async ({ url, processorMs }) => {
      const plain = {
        name: 'GET federation, bare',
        requests: [{ method: 'GET', path: '/federation' }],
        status: [200],
      };
      const bare = {
        rest: await loadRest(url, plain, seconds / 4, processorMs),
        download: await loadDownloads(`${url}/model`, seconds / 4, processorMs),
      };
      return {
        ...(parts.has('rest') ? { rest: { ours: ours.rest.slice(1), bare: bare.rest } } : {}),
        ...(parts.has('downloads')
          ? { downloads: { ours: ours.download, bare: bare.download, notModified: ours.notModified } }
          : {}),
      };
    },
  );
}

async function startOurs(dataDir: string, profiled?: string): Promise<ProcessUnderTest> {
  const port = await freePort();
  const { profile } = options;
  return startProcess({
    program: ['signaling-server/main.ts'],
    port,
    probe: '/health',
    nodeOptions:
      profile === undefined || profiled === undefined
        ? []
        : ['--cpu-prof', `--cpu-prof-dir=${join(profile, profiled)}`],
    environment: {
      ...{ HOST: '127.0.0.1', PORT: String(port), DATA_DIR: dataDir, OPERATOR_KEY },
      // Of one client here comes what otherwise comes of thousands.
      ...{ REQUESTS_PER_MINUTE: '10000000', WRITES_PER_MINUTE: '1000000' },
      ...(postgres === undefined ? {} : { DATABASE_URL: postgres.url }),
    },
  });
}

async function startBare({
  federation = {},
  model = Buffer.alloc(0),
}: {
  readonly federation?: unknown;
  readonly model?: Buffer;
}): Promise<ProcessUnderTest> {
  const [documentPath, modelPath] = [join(folder, 'bare.json'), join(folder, 'bare.model')];
  writeFileSync(documentPath, JSON.stringify(federation));
  writeFileSync(modelPath, model);
  const port = await freePort();
  return startProcess({
    program: ['scripts/bench-server/bare-server.ts', String(port), documentPath, modelPath],
    port,
    probe: '/',
  });
}

async function withServer<T>(
  start: () => Promise<ProcessUnderTest>,
  use: (server: ProcessUnderTest) => Promise<T>,
): Promise<T> {
  const server = await start();
  running.add(server);
  const result = await use(server);
  running.delete(server);
  await server.stop();
  return result;
}

async function makeKey(url: string): Promise<string> {
  const order = { name: 'bench', role: 'operator' };
  const { secret } = (await ask(`${url}/api/keys`, { key: OPERATOR_KEY, body: order })) as { secret: string };
  return secret;
}

async function startTraining(url: string, key: string): Promise<string> {
  const order = { federation: crowdFederation(0) };
  const { id } = (await ask(`${url}/api/training/start`, {
    key,
    body: order,
    idempotencyKey: START_NAME,
  })) as { id: string };
  return id;
}

function partsOf(list: string | undefined): ReadonlySet<Part> {
  const named = list === undefined ? PARTS : list.split(',');
  const unknown = named.find((name) => !PARTS.includes(name as Part));
  if (unknown !== undefined) {
    console.error(`--only: expected some of ${PARTS.join(',')}, received "${unknown}".`);
    process.exit(2);
  }
  return new Set(named as Part[]);
}

function say(what: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${what}`);
}
