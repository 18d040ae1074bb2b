import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import pg from 'pg';
import type { Log } from '../hub/log.ts';
import type { Leadership, Lease } from './leadership.ts';

export interface PostgresLeadershipOptions {
  readonly databaseUrl: string;
  readonly log: Log;
  /** How often the connection shows that it lives; default 1000. */
  readonly beatMs?: number;
  /** After this long without an answer the leases count as lost; default 5000. */
  readonly lostAfterMs?: number;
}

/** The database ends a session of which it heard nothing for this many times as long: later than this side gives up. */
const SERVER_PATIENCE = 2;
/** PostgreSQL 14 brought idle_session_timeout; before, a replica that hangs keeps its leases until its connection breaks. */
const IDLE_TIMEOUT_SINCE = 140_000;

/** A session of the database, and the leases that live and die with it. */
interface Session {
  readonly client: pg.Client;
  readonly socket: Socket;
  readonly leases: Map<string, { readonly lease: Lease; readonly onLost: () => void }>;
  lastAnswerMs: number;
  beat: NodeJS.Timeout | undefined;
  /** The statement before: one at a time is asked. */
  tail: Promise<unknown>;
}

/**
 * Leases as advisory locks of one session of PostgreSQL, apart from the pool of statements: PostgreSQL frees them when
 * the connection breaks, and this side counts them as lost at the same sign or after a silence. A pooler in between must
 * keep sessions apart (PgBouncer: `pool_mode = session`). SPEC X-03.
 */
export function postgresLeadership(options: PostgresLeadershipOptions): Leadership {
  const { databaseUrl, log } = options;
  const beatMs = options.beatMs ?? 1000;
  const lostAfterMs = options.lostAfterMs ?? 5000;
  let opening: Promise<Session> | undefined;
  let session: Session | undefined;
  let closed = false;

  const lose = (lost: Session, cause: unknown): void => {
    if (session !== lost) return;
    session = undefined;
    clearInterval(lost.beat);
    lost.socket.destroy(); // no goodbye: what does not answer does not listen
    const held = [...lost.leases.values()];
    lost.leases.clear();
    log.warn({ err: cause, leases: held.length }, 'leadership: the connection that held the leases is gone');
    for (const { onLost } of held) onLost();
  };

  const query = <R extends pg.QueryResultRow>(of: Session, text: string, values: string[] = []) => {
    const answer = of.tail.then(() => of.client.query<R>(text, values));
    of.tail = answer.catch(() => undefined); // whoever asked is told
    return answer;
  };

  const beat = (of: Session): void => {
    if (performance.now() - of.lastAnswerMs > lostAfterMs) {
      lose(of, new Error('the database was silent'));
      return;
    }
    query(of, 'select 1').then(
      () => {
        of.lastAnswerMs = performance.now();
      },
      (thrown: unknown) => lose(of, thrown),
    );
  };

  const open = async (): Promise<Session> => {
    const socket = new Socket();
    const client = new pg.Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: lostAfterMs,
      query_timeout: lostAfterMs,
      application_name: 'murmuration-leadership',
      stream: () => socket,
    });
    const opened: Session = {
      client,
      socket,
      leases: new Map(),
      lastAnswerMs: 0,
      beat: undefined,
      tail: Promise.resolve(),
    };
    client.on('error', (thrown) => lose(opened, thrown));
    client.on('end', () => lose(opened, new Error('the connection ended')));
    try {
      await client.connect();
      const { rows } = await client.query<{ version: number }>(
        "select current_setting('server_version_num')::int as version",
      );
      if (rows[0]!.version >= IDLE_TIMEOUT_SINCE) {
        await client.query("select set_config('idle_session_timeout', $1, false)", [
          `${SERVER_PATIENCE * lostAfterMs}ms`,
        ]);
      }
    } catch (thrown) {
      socket.destroy();
      throw thrown;
    }
    opened.lastAnswerMs = performance.now();
    opened.beat = setInterval(() => beat(opened), beatMs).unref();
    session = opened;
    return opened;
  };

  const connected = (): Promise<Session> => {
    if (session !== undefined) return Promise.resolve(session);
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  };

  const grant = (of: Session, federation: string, onLost: () => void): Lease => {
    const lease: Lease = {
      federation,
      get held() {
        return of.leases.get(federation)?.lease === lease;
      },
      async release() {
        if (!lease.held) return;
        of.leases.delete(federation);
        try {
          await query(of, 'select pg_advisory_unlock($1::bigint)', [lockOf(federation)]);
        } catch (thrown) {
          lose(of, thrown); // with its session the lock is free all the same
        }
      },
    };
    of.leases.set(federation, { lease, onLost });
    return lease;
  };

  return {
    async lead(federation, { onLost }) {
      if (closed) return undefined;
      try {
        const of = await connected();
        // A session may take the same advisory lock again: that it is ours already must be known here.
        if (of.leases.has(federation)) return undefined;
        const { rows } = await query<{ granted: boolean }>(
          of,
          'select pg_try_advisory_lock($1::bigint) as granted',
          [lockOf(federation)],
        );
        if (!rows[0]!.granted || session !== of || of.leases.has(federation)) return undefined;
        return grant(of, federation, onLost);
      } catch (thrown) {
        log.warn({ federation, err: thrown }, 'leadership: the database does not say who leads');
        if (session !== undefined) lose(session, thrown);
        return undefined;
      }
    },
    async close() {
      closed = true;
      await opening?.catch(() => undefined);
      const last = session;
      if (last === undefined) return;
      session = undefined;
      clearInterval(last.beat);
      last.leases.clear();
      await last.tail;
      await last.client.end();
    },
  };
}

/** The name of a lock among those of the whole database: 64 bits, so that two federations meet once in 2^32 of them. */
function lockOf(federation: string): string {
  const digest = createHash('sha256').update(`murmuration leader ${federation}`).digest();
  return digest.readBigInt64BE(0).toString();
}
