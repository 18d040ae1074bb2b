import type { Caller } from '../access/principal.ts';
import type { Page } from '../jobs/training.ts';

/** Identifiers, settings and numbers; never a record, an update, a key or free text of a participant. */
export type AuditFacts = Readonly<Record<string, unknown>>;

export interface AuditEvent {
  /** Verb and thing: `training.start`, `participant.block`, `access.key-created`, `rights.deleted`. */
  readonly action: string;
  /** What it was done to: `training:ID`, `federation:ID`, `participant:PSEUDONYM`, `key:ID`. */
  readonly subject: string;
  readonly before?: AuditFacts;
  readonly after?: AuditFacts;
  /** `refused` ones are kept too. */
  readonly outcome?: 'done' | 'refused';
  /** Of a refusal. */
  readonly code?: string;
}

export interface AuditEntry extends AuditEvent {
  readonly seq: number;
  readonly atMs: number;
  readonly actor: string;
  readonly role: string | null;
  readonly address: string;
  readonly requestId: string;
  readonly previousHash: string;
  readonly hash: string;
}

export interface AuditQuery {
  readonly action?: string;
  readonly subject?: string;
  readonly actor?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly after?: string;
  readonly limit?: number;
}

export interface AuditLog {
  /** Durable before it resolves. The answer to whoever did it is sent after. */
  append(caller: Caller, event: AuditEvent): Promise<AuditEntry>;
  /** How this log names a participant; the same each time until {@link forget}. */
  pseudonymOf(participant: string): Promise<string>;
  /** Nobody can tell any more whom the pseudonym meant. */
  forget(participant: string): Promise<void>;
  /** Newest first. */
  list(query: AuditQuery): Promise<Page<AuditEntry>>;
  /** Signs the newest entry. */
  checkpoint(): Promise<void>;
  verify(): Promise<AuditVerdict>;
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly entries: number;
  readonly checkpoints: number;
  /** The first that does not fit, and why. */
  readonly broken: { readonly seq: number; readonly why: string } | null;
}
