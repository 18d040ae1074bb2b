import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { nginxBinary, startNginx } from '../testing/nginx.ts';
import { postgresBinaries, startPostgres } from '../testing/postgres.ts';
import { freePort, redisBinary, startRedis } from '../testing/redis.ts';
import { type KillableServer, killableServer } from '../testing/server-process.ts';
import {
  type SimulatedParticipant,
  type SimulatedParticipantOptions,
  serverFederation,
  simulateParticipant,
} from '../testing/simulated-participant.ts';

// Whole servers start and are missed, on a machine that may be busy with other things.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

const OPERATOR_KEY = 'failover-test-operator';
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const binaries = {
  postgres: postgresBinaries(),
  redis: redisBinary(),
  nginx: nginxBinary(),
};

/** Two replicas of one server over one PostgreSQL, one Redis and one folder of models, behind nginx. */
async function startSite() {
  const postgres = await startPostgres(binaries.postgres!);
  cleanups.push(postgres.dispose);
  const redis = await startRedis(binaries.redis!);
  cleanups.push(redis.dispose);
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const ports = [await freePort(), await freePort()];
  const replicas = ports.map((port): KillableServer => {
    const server = killableServer({
      PORT: String(port),
      DATA_DIR: folder,
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      REPLICA_URL: `http://127.0.0.1:${port}`,
      OPERATOR_KEY,
      TRUST_PROXY: '1',
      LOG_LEVEL: 'debug',
    });
    cleanups.push(server.kill);
    return server;
  });
  for (const replica of replicas) await replica.start();
  const nginx = await startNginx(binaries.nginx!, ports);
  cleanups.push(nginx.close);
  return { url: nginx.url, replicas };
}

async function call(url: string, method: 'GET' | 'POST', body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${OPERATOR_KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Record<string, unknown>;
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}

/** Rounds follow each other without a gap, each from the model of the one before. */
function expectChain(records: readonly RoundRecord[], rounds: number): void {
  expect(records.map(({ round }) => round)).toEqual(Array.from({ length: rounds }, (_, i) => i + 1));
  records.forEach(({ baseHash }, i) => {
    if (i > 0) expect(baseHash, `base of round ${i + 1}`).toBe(records[i - 1]!.hash);
  });
}

const missing = Object.entries(binaries).filter(([, path]) => path === undefined);
if (missing.length > 0) {
  test(`not installed here: ${missing.map(([name]) => name).join(', ')}; nothing of this file was checked`, () => {
    expect(Object.values(binaries)).toContain(undefined);
  });
} else {
  test('X-05: the leader is killed in mid-round, then the other one: both times the run goes on and loses no round', async () => {
    const { url, replicas } = await startSite();
    const ROUNDS = 40;
    const federation = serverFederation('failover', ROUNDS);
    await call(`${url}/api/federations`, 'POST', federation);
    const { id: run } = (await call(`${url}/api/federations/failover/run`, 'GET')) as { id: string };

    const participants: SimulatedParticipant[] = [];
    let onTrain: (round: number) => void = () => undefined;
    /** Resolves when somebody is about to train the first round from here on that is at least this one. */
    const training = (atLeast: number): Promise<number> =>
      new Promise((resolve) => {
        onTrain = (round) => {
          if (round >= atLeast) resolve(round);
        };
      });
    const join = (options: Partial<SimulatedParticipantOptions> = {}): SimulatedParticipant => {
      const joined = simulateParticipant({
        origin: url,
        federation,
        run,
        trainMs: 400,
        onTrain: (round) => onTrain(round),
        ...options,
      });
      cleanups.push(joined.close);
      participants.push(joined);
      return joined;
    };
    const seen = (): number =>
      Math.max(0, ...participants.flatMap(({ records }) => records.map(({ round }) => round)));
    const reached = (round: number) =>
      vi.waitUntil(() => seen() >= round, { timeout: 120_000, interval: 20 });

    const inMidRound = training(3);
    for (let i = 0; i < 4; i++) join();
    const first = await Promise.race(
      replicas.map((replica) => replica.logged(({ msg }) => msg === 'coordinating').then(() => replica)),
    );
    const other = replicas.find((replica) => replica !== first)!;
    await inMidRound;
    const seenBefore = seen();
    await first.kill();
    await other.logged(({ msg }) => msg === 'coordinating');
    await reached(seenBefore + 2);

    // It is back, and nginx sends it whoever comes now, while the other one leads.
    await first.start();
    const since = first.lines.length;
    const newcomer = await vi.waitUntil(
      async () => {
        const joined = join();
        const arrived = async (replica: KillableServer) => {
          await replica.logged(
            ({ msg, participant }) => msg === 'hub: arrived' && participant === joined.identity.id,
          );
          return replica;
        };
        if ((await Promise.race(replicas.map(arrived))) === first) return joined;
        participants.splice(participants.indexOf(joined), 1);
        await joined.close();
        return undefined;
      },
      { timeout: 60_000, interval: 500 },
    );
    await vi.waitUntil(() => newcomer.records.length > 0, { timeout: 60_000, interval: 20 });
    await training(seen() + 1);
    const seenBySecond = seen();
    await first.kill();
    expect(first.lines.slice(since).filter(({ msg }) => msg === 'coordinating')).toEqual([]);
    expect(seenBySecond).toBeLessThan(ROUNDS);
    await reached(ROUNDS);

    const { rounds } = (await call(`${url}/api/runs/${run}/rounds`, 'GET')) as { rounds: RoundRecord[] };
    expectChain(rounds, ROUNDS);
    const kept = new Map(rounds.map(({ round, hash }) => [round, hash]));
    for (const { records } of participants)
      for (const { round, hash } of records)
        expect(hash, `round ${round}, as a participant saw it`).toBe(kept.get(round));
    const { model } = (await call(`${url}/api/runs/${run}`, 'GET')) as { model: { hash: string } };
    expect(model.hash).toBe(kept.get(ROUNDS));
    expect(new Set(rounds.map(({ term }) => term)).size).toBeGreaterThanOrEqual(2);
  });
}
