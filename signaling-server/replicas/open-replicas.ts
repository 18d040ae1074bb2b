import { createHash } from 'node:crypto';
import type { Identity } from '../../shared/identity/index.ts';
import type { ServerConfig } from '../config.ts';
import type { ServerEvents } from '../events.ts';
import type { RateCounter } from '../http/rate-limit.ts';
import { localRateCounter } from '../http/rate-limit.ts';
import type { Log } from '../hub/log.ts';
import type { Bus } from './bus.ts';
import { type Leadership, localLeadership } from './leadership.ts';
import { localBus } from './local-bus.ts';
import { postgresLeadership } from './postgres-leadership.ts';
import { redisBus } from './redis-bus.ts';
import { connectRedis } from './redis-connection.ts';
import { redisRateCounter } from './redis-rate-counter.ts';
import { shareEvents } from './share-events.ts';

/** What makes several processes one server. Without REDIS_URL: the same, within this process. */
export interface Replicas {
  readonly bus: Bus;
  readonly leadership: Leadership;
  readonly counter: RateCounter;
  /** Makes bearer tokens of the hub good on every replica. */
  readonly tokenKey: Uint8Array;
  readonly replicaUrl: string | undefined;
  /** This process's events, and those of every other replica. */
  share(local: ServerEvents): ServerEvents;
  close(): Promise<void>;
}

export interface ReplicasOptions {
  readonly config: Pick<ServerConfig, 'databaseUrl' | 'redisUrl' | 'replicaUrl'>;
  /** The same on all replicas: it is in their database. */
  readonly identity: Pick<Identity, 'id' | 'sign'>;
  readonly log: Log;
}

/** What is signed for the key of bearer tokens. Nobody else is ever given the signature of it. */
const TOKEN_KEY_STATEMENT = new TextEncoder().encode('murmuration hub token key 1');

export async function openReplicas({ config, identity, log }: ReplicasOptions): Promise<Replicas> {
  const { databaseUrl, redisUrl, replicaUrl } = config;
  // Ed25519 signs the same bytes alike (RFC 8032, section 5.1.6): a secret that all replicas can derive.
  const signature = await identity.sign(TOKEN_KEY_STATEMENT);
  const tokenKey = createHash('sha256').update(signature).digest();
  const leadership = databaseUrl === undefined ? localLeadership() : postgresLeadership({ databaseUrl, log });
  const alone = localRateCounter(Date.now);
  const endings: (() => void)[] = [];

  const prefix = `murmuration:${identity.id}:`;
  const commands = redisUrl === undefined ? undefined : connectRedis(redisUrl, 'commands', log);
  const bus = redisUrl === undefined ? localBus().connect() : redisBus({ url: redisUrl, prefix, log });
  return {
    bus,
    leadership,
    counter: commands === undefined ? alone : redisRateCounter(commands.client, prefix, alone),
    tokenKey,
    replicaUrl,
    share(local) {
      if (redisUrl === undefined) return local;
      const shared = shareEvents(local, bus, log);
      endings.push(shared.close);
      return shared;
    },
    async close() {
      for (const end of endings) end();
      await leadership.close();
      await bus.close();
      commands?.close();
    },
  };
}
