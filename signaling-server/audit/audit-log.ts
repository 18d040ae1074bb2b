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
  readonly outcome?: AuditOutcome;
  /** Of what was refused, or failed. */
  readonly code?: string;
}

/**
 * `begun`: somebody set about it; what came of it is another entry, whose `after.intent` is the `seq` of this one. Where there is none, the server
 * died over it, and it may have been done. `failed`: it ended with this code, and may have been done in part. `refused`: it was not begun.
 */
export type AuditOutcome = 'done' | 'refused' | 'begun' | 'failed';

/** Something that is about to change. */
export interface AuditedChange<T> {
  readonly action: string;
  readonly subject: string;
  readonly before?: AuditFacts;
  /** As it is meant to be. */
  readonly after?: AuditFacts;
  /** Changes it. Begun once it stands in the log who does. */
  readonly effect: () => Promise<T>;
  /** What turned out otherwise, or is known only now. */
  readonly found?: (result: T) => Pick<AuditEvent, 'before' | 'after'>;
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
  /**
   * Changes something: no effect without an entry that names who it was by. SPEC V-13.
   * @returns what the effect does. What came of it is written down as soon as that can be.
   * @throws what the effect throws; `storage.*` before it began.
   */
  record<T>(caller: Caller, change: AuditedChange<T>): Promise<T>;
  /** Of what changes nothing: reading, refusals. Durable before it resolves. The answer to whoever did it is sent after. */
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
  /** What was begun, and nothing says what came of it: it is under way, or the server died over it. Oldest first, at most a hundred. */
  readonly unfinished: readonly number[];
}
