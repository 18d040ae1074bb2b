/**
 * What the server's REST API answers, as its own schemas say it (signaling-server/http/schemas, held to these types by
 * signaling-server/http/client-types.test.ts). Times are in milliseconds since the Unix epoch.
 */

export type TrainingStatus =
  | 'CREATED'
  | 'SCHEDULED'
  | 'RUNNING'
  | 'PAUSED'
  | 'STOPPING'
  | 'STOPPED'
  | 'SUCCEEDED'
  | 'FAILED';

export interface TrainingConfig {
  readonly maxRounds?: number | undefined;
  readonly targetAccuracy?: number | undefined;
  readonly earlyStopping?:
    | { readonly metric: 'accuracy' | 'loss'; readonly patience: number; readonly minDelta: number }
    | undefined;
  readonly clientsPerRound?: number | undefined;
  readonly startAtMs?: number | undefined;
  readonly deadlineAtMs?: number | undefined;
  readonly maxAbandoned?: number | undefined;
}

export interface StartTraining {
  readonly federation: string;
  readonly jobName?: string;
  readonly config?: TrainingConfig;
  /** Ids of participants; none: all that the federation admits. */
  readonly clients?: readonly string[];
  /** In a run of its own, from the first model. */
  readonly fresh?: boolean;
}

export interface Training {
  readonly id: string;
  readonly training_id: string;
  readonly jobName: string;
  readonly federation: string;
  readonly run: string;
  readonly status: TrainingStatus;
  readonly config: TrainingConfig;
  readonly clients: readonly string[];
  readonly round: number;
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly reason: string | null;
  readonly revision: number;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly startedAtMs: number | null;
  readonly endedAtMs: number | null;
}

export interface TrainingMetrics {
  readonly training_id: string;
  readonly run: string;
  readonly metrics: readonly {
    readonly round_number: number;
    readonly metric_type: string;
    readonly value: number;
  }[];
  /** To be passed as `from`; null at the end. */
  readonly nextRound: number | null;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** To be passed as `after`; null at the end. */
  readonly next: string | null;
}
export interface PageQuery {
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface Run {
  readonly id: string;
  readonly federation: string;
  readonly status: 'open' | 'finished' | 'stopped';
  readonly term: number;
  readonly round: number;
  readonly model: { readonly version: number; readonly hash: string; readonly bytes: number } | null;
}

export interface FederationSettings {
  readonly admission: 'open' | 'invitation' | 'members';
  readonly control: 'open' | 'managed';
  readonly owner: string | null;
}

export interface Counts {
  readonly total: number;
  readonly correct: number;
  readonly lossSum: number;
}

export interface Version {
  readonly version: number;
  readonly hash: string;
  /** Hash of the version that it was made from. */
  readonly base: string;
  readonly survivors: number;
  readonly evaluation: Counts | null;
  readonly best: boolean;
  readonly rollback: number | null;
  /** Null where the server does not keep its file. */
  readonly bytes: number | null;
}

export interface Checksum {
  readonly run: string;
  readonly version: number;
  readonly hash: string;
  readonly layoutHash: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface Promotion {
  readonly federation: string;
  readonly run: string;
  readonly version: number;
  readonly hash: string;
  readonly promotedBy: string;
  readonly atMs: number;
}

export type SubjectKind = 'participant' | 'federation' | 'department' | 'user';

export interface PrivacyBudget {
  readonly format: 'murmuration/server-privacy-budget';
  readonly formatVersion: 1;
  readonly subject: { readonly kind: SubjectKind; readonly id: string };
  readonly unit: 'record' | 'participant';
  /** Null: no finite epsilon holds. */
  readonly epsilon: number | null;
  readonly delta: number;
  readonly accountant: string;
  readonly events: readonly ({ readonly count: number } & Readonly<Record<string, unknown>>)[];
  readonly trustModels: readonly string[];
  /** ISO 8601. */
  readonly timestamp: string;
  readonly limit: {
    readonly epsilon: number;
    readonly delta: number;
    readonly epsilon_per_query: number | null;
  } | null;
  readonly spent: number | null;
  readonly remaining: number | null;
  readonly warning: 'privacy.budget-low' | 'privacy.budget-exceeded' | null;
}

export type AlertKind =
  | 'run-failed'
  | 'run-stalled'
  | 'budget-near'
  | 'budget-exceeded'
  | 'drop-out'
  | 'accuracy-drop'
  | 'anomaly'
  | 'queue-backlog'
  | 'participant-unhealthy'
  | 'certificate-expiry'
  | 'storage';

export interface Alert {
  readonly id: string;
  readonly kind: AlertKind;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly fingerprint: string;
  readonly federation: string | null;
  readonly training: string | null;
  readonly summary: string;
  readonly value: number | null;
  readonly threshold: number | null;
  readonly startedAtMs: number;
  readonly resolvedAtMs: number | null;
  readonly acknowledgedAtMs: number | null;
  readonly acknowledgedBy: string | null;
  readonly silencedUntilMs: number | null;
}

export type Role = 'participant' | 'owner' | 'operator' | 'auditor';

export interface NewKey {
  readonly name: string;
  readonly role: Role;
  readonly scopes?: readonly string[];
  readonly federation?: string;
  readonly user?: string;
  readonly department?: string;
  readonly expiresAtMs?: number;
}

export interface AccessKey {
  readonly id: string;
  readonly name: string;
  readonly kind: 'key' | 'certificate';
  readonly role: Role;
  readonly scopes: readonly string[];
  readonly federation: string | null;
  readonly user: string | null;
  readonly department: string | null;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  readonly lastUsedAtMs: number | null;
}

export interface Invitation {
  readonly id: string;
  readonly federation: string;
  readonly label: string;
  readonly department: string | null;
  readonly maxUses: number;
  readonly uses: number;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly revokedAtMs: number | null;
}

export interface DrainState {
  readonly draining: boolean;
  readonly empty: boolean;
  readonly roundsUnderWay: number;
  readonly halted: boolean;
}

export interface AuditEntry {
  readonly seq: number;
  readonly atMs: number;
  readonly action: string;
  readonly subject: string;
  readonly actor: string;
  readonly role: string | null;
  readonly address: string;
  readonly requestId: string;
  readonly outcome: 'done' | 'refused' | 'begun' | 'failed';
  readonly code?: string | null | undefined;
  readonly before?: Readonly<Record<string, unknown>> | null | undefined;
  readonly after?: Readonly<Record<string, unknown>> | null | undefined;
  readonly previousHash: string;
  readonly hash: string;
}
