import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { count } from 'drizzle-orm';
import { toErrorRecord } from '../../shared/errors/index.ts';
import type { Caller } from '../access/principal.ts';
import type { DrainState, TrainingService, TrainingStatus } from '../jobs/training.ts';
import type { Database } from '../storage/database.ts';
import { federations, trainings as trainingRows } from '../storage/schema.ts';

/** A part of the server that may be away for a while. */
export interface ComponentCheck {
  readonly name: string;
  /** Without it the server cannot serve; otherwise it is merely less. */
  readonly isVital: boolean;
  check(): Promise<void>;
}

export interface ComponentHealth {
  readonly status: 'ok' | 'unavailable';
  /** Code of what is wrong. */
  readonly code: string | null;
}

export interface SystemHealth {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly components: Readonly<Record<string, ComponentHealth>>;
  readonly uptimeSeconds: number;
  readonly cpu: { readonly cores: number; readonly load1m: number };
  readonly memory: {
    readonly residentBytes: number;
    readonly heapUsedBytes: number;
    readonly freeBytes: number;
    readonly totalBytes: number;
  };
  readonly eventLoopDelayMs: { readonly mean: number; readonly p99: number };
  readonly drain: DrainState;
}

export interface SystemStatistics {
  readonly federations: number;
  readonly trainings: Readonly<Partial<Record<TrainingStatus, number>>>;
  readonly participants: number;
}

export interface SystemService {
  health(caller: Caller): Promise<SystemHealth>;
  /** As `get_coordinator_stats` told them. */
  statistics(caller: Caller): Promise<SystemStatistics>;
  close(): void;
}

export interface SystemServiceOptions {
  readonly database: Pick<Database, 'run'>;
  readonly checks: readonly ComponentCheck[];
  readonly trainings: Pick<TrainingService, 'drainState'>;
  readonly countParticipants: () => number;
  readonly patienceMs?: number;
}

const PATIENCE_MS = 2_000;
const NS_PER_MS = 1e6;

export function createSystemService({
  database,
  checks,
  trainings,
  countParticipants,
  patienceMs = PATIENCE_MS,
}: SystemServiceOptions): SystemService {
  const startedAt = performance.now();
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();

  return {
    async health() {
      const answers = await Promise.all(
        checks.map(async ({ name, isVital, check }) => ({
          name,
          isVital,
          ...(await ask(check, patienceMs)),
        })),
      );
      const bad = answers.filter(({ status }) => status !== 'ok');
      const memory = process.memoryUsage();
      return {
        status: bad.length === 0 ? 'healthy' : bad.some(({ isVital }) => isVital) ? 'unhealthy' : 'degraded',
        components: Object.fromEntries(answers.map(({ name, status, code }) => [name, { status, code }])),
        uptimeSeconds: Math.floor((performance.now() - startedAt) / 1000),
        cpu: { cores: availableParallelism(), load1m: loadavg()[0]! },
        memory: {
          residentBytes: memory.rss,
          heapUsedBytes: memory.heapUsed,
          freeBytes: freemem(),
          totalBytes: totalmem(),
        },
        // Nothing was measured yet in the first moments.
        eventLoopDelayMs: {
          mean: finite(delay.mean / NS_PER_MS),
          p99: finite(delay.percentile(99) / NS_PER_MS),
        },
        drain: trainings.drainState(),
      };
    },

    async statistics() {
      const [known, byStatus] = await Promise.all([
        database.run((db) => db.select({ rows: count() }).from(federations)),
        database.run((db) =>
          db
            .select({ status: trainingRows.status, rows: count() })
            .from(trainingRows)
            .groupBy(trainingRows.status),
        ),
      ]);
      return {
        federations: Number(known[0]!.rows),
        trainings: Object.fromEntries(byStatus.map(({ status, rows }) => [status, Number(rows)])),
        participants: countParticipants(),
      };
    },

    close: () => void delay.disable(),
  };
}

async function ask(check: () => Promise<void>, patienceMs: number): Promise<ComponentHealth> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<ComponentHealth>((settle) => {
    timer = setTimeout(() => settle({ status: 'unavailable', code: 'transport.timed-out' }), patienceMs);
  });
  const answer = check().then(
    (): ComponentHealth => ({ status: 'ok', code: null }),
    (thrown): ComponentHealth => ({ status: 'unavailable', code: toErrorRecord(thrown).code }),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
