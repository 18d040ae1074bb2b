import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { postgresBinaries, startPostgres, type TestPostgres } from '../testing/postgres.ts';
import { silentLog } from '../testing/silent-log.ts';
import { type Leadership, localLeadership } from './leadership.ts';
import { postgresLeadership } from './postgres-leadership.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
const never = { onLost: () => expect.unreachable('this lease was not to be lost') };

function contract(open: () => [Leadership, Leadership]) {
  const both = (): [Leadership, Leadership] => {
    const pair = open();
    for (const each of pair) cleanups.push(() => each.close());
    return pair;
  };

  test('X-03: one leads a federation at a time, the next once it is released; federations are led apart', async () => {
    const [a, b] = both();
    const lease = await a.lead('digits', never);
    expect(lease).toMatchObject({ federation: 'digits', held: true });
    expect(await b.lead('digits', never)).toBeUndefined();
    expect(await a.lead('digits', never)).toBeUndefined();
    expect(await b.lead('letters', never)).toMatchObject({ held: true });
    await lease!.release();
    await lease!.release();
    expect(lease!.held).toBe(false);
    expect(await b.lead('digits', never)).toMatchObject({ held: true });
    expect(await a.lead('digits', never)).toBeUndefined();
  });

  test('of two that ask at once, one is granted', async () => {
    const [a, b] = both();
    const leases = await Promise.all([a, b, a, b].map((each) => each.lead('digits', never)));
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  test('closing releases every lease, and loses none', async () => {
    const [a, b] = both();
    await a.lead('digits', never);
    await a.lead('letters', never);
    await a.close();
    expect(await Promise.all(['digits', 'letters'].map((id) => b.lead(id, never)))).not.toContain(undefined);
  });
}

describe('leadership in one process', () => {
  contract(() => {
    const one = localLeadership();
    return [one, one];
  });
});

const binaries = postgresBinaries();
if (binaries === undefined) {
  test('PostgreSQL is not installed here: leadership was not checked on it', () => {
    expect(postgresBinaries()).toBeUndefined();
  });
} else {
  describe('leadership by PostgreSQL', () => {
    let postgres: TestPostgres;
    beforeAll(async () => {
      postgres = await startPostgres(binaries);
    });
    afterAll(() => postgres?.dispose());
    const open = (databaseUrl = postgres.url, timing = {}) =>
      postgresLeadership({ databaseUrl, log: silentLog, ...timing });
    contract(() => [open(), open()]);

    const lost = () => {
      let onLost = (): void => undefined;
      const told = new Promise<void>((resolve) => {
        onLost = resolve;
      });
      return { told, handlers: { onLost } };
    };

    test('X-03: a connection that breaks is a lease lost, told at once; the one who lost it may lead again', async () => {
      const [a, b] = [open(), open()];
      cleanups.push(a.close, b.close);
      const { told, handlers } = lost();
      const lease = await a.lead('digits', handlers);
      const admin = new pg.Client({ connectionString: postgres.url });
      await admin.connect();
      await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'murmuration-leadership'",
      );
      await admin.end();
      await told;
      expect(lease!.held).toBe(false);
      await lease!.release();
      expect(await b.lead('digits', never)).toMatchObject({ held: true });
      expect(await a.lead('digits', never)).toBeUndefined();
      expect(await a.lead('letters', never)).toMatchObject({ held: true });
    });

    test('X-03: a leader cut off in silence stops first, and is replaced only then', async () => {
      const proxy = await startProxy(postgres.url);
      cleanups.push(proxy.close);
      const timing = { beatMs: 100, lostAfterMs: 1000 };
      const [a, b] = [open(proxy.url, timing), open()];
      cleanups.push(a.close, b.close);
      const { told, handlers } = lost();
      await a.lead('digits', handlers);
      proxy.freeze();
      let isTold = false;
      void told.then(() => {
        isTold = true;
      });
      // Before it is told, nobody else leads: PostgreSQL is more patient than it is.
      const next = await vi.waitUntil(() => b.lead('digits', never), { timeout: 20_000, interval: 50 });
      expect(isTold).toBe(true);
      expect(next).toMatchObject({ held: true });
    });

    test('without the database nobody is granted anything', async () => {
      const a = open('postgresql://postgres@127.0.0.1:1/postgres');
      cleanups.push(a.close);
      expect(await a.lead('digits', never)).toBeUndefined();
    });
  });
}

/** A way to PostgreSQL that can fall silent without breaking. */
async function startProxy(url: string) {
  const folder = new URL(url).searchParams.get('host')!;
  const sockets = new Set<Socket>();
  let frozen = false;
  const server: Server = createServer((client) => {
    const upstream = connect(join(folder, '.s.PGSQL.5432'));
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (!frozen) to.write(chunk);
      });
      from.on('error', () => from.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `postgresql://postgres@127.0.0.1:${(server.address() as AddressInfo).port}/postgres`,
    freeze() {
      frozen = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
