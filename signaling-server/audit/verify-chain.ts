import { fromBase64Url, verifySignature } from '../../shared/identity/index.ts';
import type { AuditEntry, AuditVerdict } from './audit-log.ts';
import { type Checkpoint, checkpointStatement, FIRST_SEQ, GENESIS_HASH, hashOfEntry } from './entry-hash.ts';

/** One line of a log: entries in the order of `seq`, a checkpoint right after the entry that it signs. */
export type AuditLine =
  | { readonly kind: 'entry'; readonly entry: AuditEntry }
  | { readonly kind: 'checkpoint'; readonly checkpoint: Checkpoint };

/** What the entry says that was written before the log was cut: `after: {upTo, hash}`. */
export const CUT_ACTION = 'audit.cut';

/**
 * Checks a log, oldest line first, in memory that grows with what is unfinished alone. It finds entries that were changed, removed, added or swapped,
 * checkpoints that this key did not sign, and a log whose end is missing as far as a checkpoint reaches. A log that was cut for its age begins
 * with the checkpoint it was cut at, and an entry that says so and was signed. What was written after the last checkpoint can be taken off unseen: keep a copy
 * elsewhere (a SIEM). SPEC V-01, V-02, V-05.
 * @param publicKey - raw Ed25519 key of the server, from a source other than the log.
 * @returns the first place that does not fit, and why; it never throws over what is in the log.
 */
export async function verifyChain(
  lines: Iterable<AuditLine> | AsyncIterable<AuditLine>,
  publicKey: Uint8Array,
): Promise<AuditVerdict> {
  const walk = createWalk(publicKey);
  for await (const line of lines) {
    const why = walk.next(line);
    if (why !== undefined) return walk.verdict(why);
  }
  return walk.verdict(walk.end());
}

const MAX_UNFINISHED = 100;

interface Fault {
  readonly seq: number;
  readonly why: string;
}

function createWalk(publicKey: Uint8Array) {
  let entries = 0;
  let checkpoints = 0;
  let head = { seq: FIRST_SEQ - 1, hash: GENESIS_HASH };
  /** Where a log that was cut begins: an entry has to say so that a later checkpoint signs. Whoever writes rows can write the entry alone. */
  let cutAt: Checkpoint | undefined;
  let declaredAt: number | undefined;
  let isCutSigned = false;
  const unfinished = new Set<number>();

  function entryFault(entry: AuditEntry): Fault | undefined {
    const { seq } = entry;
    const expected = head.seq + 1;
    if (!Number.isSafeInteger(seq)) return { seq: expected, why: 'an entry has no sequence number' };
    if (seq < expected) return { seq, why: 'the entry is there twice, or out of order' };
    if (seq > expected) return { seq: expected, why: 'the entry is missing' };
    if (entry.hash !== hashIfPlain(entry)) return { seq, why: 'the entry was changed after it was written' };
    if (entry.previousHash !== head.hash)
      return { seq, why: 'the entry does not follow the one before it: that was exchanged, or this was' };
    head = { seq, hash: entry.hash };
    entries++;
    if (entry.outcome === 'begun') unfinished.add(seq);
    else if (typeof entry.after?.intent === 'number') unfinished.delete(entry.after.intent);
    if (entry.action === CUT_ACTION && entry.after?.upTo === cutAt?.seq && entry.after?.hash === cutAt?.hash)
      declaredAt ??= seq;
    return undefined;
  }

  function checkpointFault(checkpoint: Checkpoint): Fault | undefined {
    const { seq, hash } = checkpoint;
    if (!isSigned(checkpoint, publicKey))
      return { seq, why: 'the signature of the checkpoint is not that of this server' };
    if (entries === 0 && checkpoints === 0 && seq >= FIRST_SEQ) {
      cutAt = checkpoint;
      head = { seq, hash };
    } else if (seq > head.seq) {
      return { seq: head.seq + 1, why: 'the entry is missing: a later checkpoint was signed' };
    } else if (seq < head.seq) {
      return { seq, why: 'the checkpoint is out of order' };
    } else if (hash !== head.hash) {
      return { seq, why: 'the entry is not the one that the checkpoint signed' };
    }
    checkpoints++;
    if (declaredAt !== undefined && seq >= declaredAt) isCutSigned = true;
    return undefined;
  }

  return {
    next: (line: AuditLine): Fault | undefined =>
      line.kind === 'entry' ? entryFault(line.entry) : checkpointFault(line.checkpoint),
    end(): Fault | undefined {
      if (cutAt === undefined || isCutSigned) return undefined;
      return {
        seq: cutAt.seq,
        why: 'the log begins here, and no entry that was signed says that it was cut',
      };
    },
    verdict: (broken: Fault | undefined): AuditVerdict => ({
      ok: broken === undefined,
      entries,
      checkpoints,
      broken: broken ?? null,
      unfinished: [...unfinished].slice(0, MAX_UNFINISHED),
    }),
  };
}

/** Damage may have left what has no canonical JSON, and so no hash. */
function hashIfPlain(entry: AuditEntry): string | undefined {
  try {
    return hashOfEntry(entry);
  } catch {
    return undefined;
  }
}

function isSigned(checkpoint: Checkpoint, publicKey: Uint8Array): boolean {
  try {
    return verifySignature(publicKey, checkpointStatement(checkpoint), fromBase64Url(checkpoint.signature));
  } catch {
    return false; // not base64url: as wrong as any other wrong signature
  }
}
