import { and, asc, desc, eq, gt, isNotNull, isNull, lt, or } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import { alerts, silences, webhooks } from '../storage/operator-schema.ts';
import type { Alert, AlertQuery, Silence, Webhook } from './alert.ts';

export type AlertRow = typeof alerts.$inferSelect;
export type WebhookRow = typeof webhooks.$inferSelect;

/** Where a page ends: alerts are listed newest first. */
export interface AlertPlace {
  readonly startedAtMs: number;
  readonly id: string;
}

export interface AlertRepository {
  /** @returns the row, or undefined where the same condition fires already: another replica was first, or an answer was lost. */
  fire(
    row: Omit<AlertRow, 'resolvedAtMs' | 'acknowledgedAtMs' | 'acknowledgedBy'>,
  ): Promise<AlertRow | undefined>;
  /** @returns the row, or undefined where nothing of this fingerprint fires. */
  resolve(fingerprint: string, atMs: number): Promise<AlertRow | undefined>;
  readFiring(): Promise<AlertRow[]>;
  get(id: string): Promise<AlertRow | undefined>;
  list(
    query: Omit<AlertQuery, 'after' | 'limit'>,
    after: AlertPlace | undefined,
    limit: number,
  ): Promise<AlertRow[]>;
  /** The first counts. @returns the row, undefined where there is none of this id. */
  acknowledge(id: string, by: string, atMs: number): Promise<AlertRow | undefined>;
  addSilence(silence: Silence): Promise<void>;
  /** Those that have not ended. */
  listSilences(nowMs: number): Promise<Silence[]>;
  /** @returns false where there is none. */
  endSilence(id: string): Promise<boolean>;
  addWebhook(webhook: WebhookRow): Promise<void>;
  listWebhooks(): Promise<WebhookRow[]>;
  getWebhook(id: string): Promise<WebhookRow | undefined>;
  /** @returns false where there is none. */
  removeWebhook(id: string): Promise<boolean>;
}

export function alertRepository(database: Database): AlertRepository {
  return {
    async fire(row) {
      await database.run((db) => db.insert(alerts).values(row).onConflictDoNothing());
      // A statement whose answer was lost is sent again: what counts is whose row is there.
      return this.get(row.id);
    },

    async resolve(fingerprint, resolvedAtMs) {
      const [row] = await database.run((db) =>
        db
          .update(alerts)
          .set({ resolvedAtMs })
          .where(and(eq(alerts.fingerprint, fingerprint), isNull(alerts.resolvedAtMs)))
          .returning(),
      );
      return row;
    },

    readFiring: () => database.run((db) => db.select().from(alerts).where(isNull(alerts.resolvedAtMs))),

    async get(id) {
      const [row] = await database.run((db) => db.select().from(alerts).where(eq(alerts.id, id)));
      return row;
    },

    list: ({ training, federation, severity, kind, state }, after, limit) =>
      database.run((db) =>
        db
          .select()
          .from(alerts)
          .where(
            and(
              training === undefined ? undefined : eq(alerts.training, training),
              federation === undefined ? undefined : eq(alerts.federation, federation),
              severity === undefined ? undefined : eq(alerts.severity, severity),
              kind === undefined ? undefined : eq(alerts.kind, kind),
              state === undefined
                ? undefined
                : state === 'firing'
                  ? isNull(alerts.resolvedAtMs)
                  : isNotNull(alerts.resolvedAtMs),
              after === undefined
                ? undefined
                : or(
                    lt(alerts.startedAtMs, after.startedAtMs),
                    and(eq(alerts.startedAtMs, after.startedAtMs), lt(alerts.id, after.id)),
                  ),
            ),
          )
          .orderBy(desc(alerts.startedAtMs), desc(alerts.id))
          .limit(limit),
      ),

    async acknowledge(id, acknowledgedBy, acknowledgedAtMs) {
      await database.run((db) =>
        db
          .update(alerts)
          .set({ acknowledgedBy, acknowledgedAtMs })
          .where(and(eq(alerts.id, id), isNull(alerts.acknowledgedAtMs))),
      );
      return this.get(id);
    },

    async addSilence(silence) {
      await database.run((db) => db.insert(silences).values(silence).onConflictDoNothing());
    },

    listSilences: (nowMs) =>
      database.run((db) =>
        db
          .select()
          .from(silences)
          .where(gt(silences.untilMs, nowMs))
          .orderBy(asc(silences.untilMs), asc(silences.id)),
      ),

    async endSilence(id) {
      const rows = await database.run((db) =>
        db.delete(silences).where(eq(silences.id, id)).returning({ id: silences.id }),
      );
      return rows.length > 0;
    },

    async addWebhook(webhook) {
      await database.run((db) => db.insert(webhooks).values(webhook).onConflictDoNothing());
    },

    listWebhooks: () =>
      database.run((db) => db.select().from(webhooks).orderBy(asc(webhooks.createdAtMs), asc(webhooks.id))),

    async getWebhook(id) {
      const [row] = await database.run((db) => db.select().from(webhooks).where(eq(webhooks.id, id)));
      return row;
    },

    async removeWebhook(id) {
      const rows = await database.run((db) =>
        db.delete(webhooks).where(eq(webhooks.id, id)).returning({ id: webhooks.id }),
      );
      return rows.length > 0;
    },
  };
}

/** The longest silence that covers an alert. */
export function silencedUntil(
  { kind, federation }: Pick<Alert, 'kind' | 'federation'>,
  all: readonly Silence[],
): number | null {
  const ends = all
    .filter((silence) => silence.kind === null || silence.kind === kind)
    .filter((silence) => silence.federation === null || silence.federation === federation)
    .map(({ untilMs }) => untilMs);
  return ends.length === 0 ? null : Math.max(...ends);
}

export function alertFrom(row: AlertRow, all: readonly Silence[]): Alert {
  return { ...row, silencedUntilMs: silencedUntil(row, all) };
}

/** Without the secret. */
export function webhookFrom({ id, url, kinds, createdAtMs }: WebhookRow): Webhook {
  return { id, url, kinds, createdAtMs };
}
