import { createHash } from 'node:crypto';
import { canonicalJson } from '../../shared/federation/index.ts';
import type { AuditEntry } from './audit-log.ts';

/** The first entry of a log; 0 stands before it. */
export const FIRST_SEQ = 1;
/** Stands before the first entry. */
export const GENESIS_HASH = '0'.repeat(64);

export interface Checkpoint {
  readonly seq: number;
  /** Of the entry at `seq`, and so of all before it. */
  readonly hash: string;
  readonly atMs: number;
  /** Base64url Ed25519 signature over {@link checkpointStatement}. */
  readonly signature: string;
}

/**
 * Hex SHA-256 of the canonical JSON of all that an entry says, the hash before it included. What is absent counts as null, as the
 * database keeps it. SPEC V-01.
 * @throws `argument.invalid` for what has no canonical JSON.
 */
export function hashOfEntry(entry: Omit<AuditEntry, 'hash'>): string {
  const json = canonicalJson({
    seq: entry.seq,
    atMs: entry.atMs,
    action: entry.action,
    subject: entry.subject,
    actor: entry.actor,
    role: entry.role,
    address: entry.address,
    requestId: entry.requestId,
    outcome: entry.outcome ?? 'done',
    code: entry.code ?? null,
    before: entry.before ?? null,
    after: entry.after ?? null,
    previousHash: entry.previousHash,
  });
  return createHash('sha256').update(json).digest('hex');
}

/** What the server signs. The first line separates it from everything else that its key signs. SPEC V-02. */
export function checkpointStatement({
  seq,
  hash,
  atMs,
}: Omit<Checkpoint, 'signature'>): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(['murmuration audit checkpoint 1', seq, hash, atMs].join('\n'));
}
