import type { Caller } from '../access/principal.ts';
import type { Page } from '../jobs/training.ts';

export const ALERT_KINDS = [
  'run-failed',
  'run-stalled',
  'budget-near',
  'budget-exceeded',
  'drop-out',
  'accuracy-drop',
  'anomaly',
  'queue-backlog',
  'participant-unhealthy',
  'certificate-expiry',
  'storage',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export interface Alert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly severity: 'info' | 'warning' | 'critical';
  /** The same condition about the same thing is one alert while it lasts. */
  readonly fingerprint: string;
  readonly federation: string | null;
  readonly training: string | null;
  /** One sentence, without personal data. */
  readonly summary: string;
  readonly value: number | null;
  readonly threshold: number | null;
  readonly startedAtMs: number;
  readonly resolvedAtMs: number | null;
  readonly acknowledgedAtMs: number | null;
  readonly acknowledgedBy: string | null;
  /** A silence that covers it. */
  readonly silencedUntilMs: number | null;
}

export interface AlertQuery {
  readonly training?: string;
  readonly federation?: string;
  readonly severity?: Alert['severity'];
  readonly kind?: AlertKind;
  readonly state?: 'firing' | 'resolved';
  readonly after?: string;
  readonly limit?: number;
}

export interface Silence {
  readonly id: string;
  readonly kind: AlertKind | null;
  readonly federation: string | null;
  readonly untilMs: number;
  readonly reason: string;
  readonly createdBy: string;
}

export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly kinds: readonly AlertKind[];
  readonly createdAtMs: number;
}

export interface AlertService {
  list(caller: Caller, query: AlertQuery): Promise<Page<Alert>>;
  /** @throws `http.not-found`. */
  acknowledge(caller: Caller, id: string): Promise<Alert>;
  silence(caller: Caller, silence: Omit<Silence, 'id' | 'createdBy'>): Promise<Silence>;
  listSilences(caller: Caller): Promise<readonly Silence[]>;
  endSilence(caller: Caller, id: string): Promise<void>;
  listWebhooks(caller: Caller): Promise<readonly Webhook[]>;
  /** @returns the secret that deliveries are signed with (HMAC-SHA-256 of the body), once. */
  addWebhook(
    caller: Caller,
    webhook: { readonly url: string; readonly kinds: readonly AlertKind[] },
  ): Promise<Webhook & { readonly secret: string }>;
  removeWebhook(caller: Caller, id: string): Promise<void>;
}
