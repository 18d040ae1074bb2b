import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { check } from '../errors/index.ts';
import { canonicalJson } from '../federation/index.ts';
import type { LedgerEntry } from './entry.ts';

/** A ledger entry in its place: no entry before it can change, or go, without this hash telling. */
export interface ChainedEntry {
  /** 0 for the first entry of a dataset, then one more each. */
  readonly seq: number;
  /** Hash of the entry before, or {@link GENESIS_HASH}. */
  readonly previousHash: string;
  /** Hex SHA-256 of the canonical JSON of `{entry, previousHash, seq}`. */
  readonly hash: string;
  readonly entry: LedgerEntry;
}

/** Stands before the first entry. */
export const GENESIS_HASH = '0'.repeat(64);

/** The entry, linked to `previous`, the newest of its chain (undefined for the first). */
export function appendEntry(previous: ChainedEntry | undefined, entry: LedgerEntry): ChainedEntry {
  const link = {
    seq: previous === undefined ? 0 : previous.seq + 1,
    previousHash: previous?.hash ?? GENESIS_HASH,
    entry,
  };
  return { ...link, hash: hashLink(link) };
}

/**
 * Checks a whole chain, oldest first. It finds changed, lost, added and reordered entries, but not a chain cut
 * short at its end: for that, compare the newest hash with a copy kept elsewhere.
 * @throws `ledger.broken-chain` naming the first bad link.
 */
export function verifyChain(entries: readonly ChainedEntry[]): void {
  let previousHash = GENESIS_HASH;
  entries.forEach((link, index) => {
    const path = `ledger entry ${index}`;
    const remedy = 'The ledger was changed or damaged: treat the privacy budget of this dataset as spent.';
    check(link.seq === index, 'ledger.broken-chain', 'An entry is missing or out of order.', {
      path,
      expected: `sequence number ${index}`,
      received: String(link.seq),
      remedy,
    });
    check(link.previousHash === previousHash, 'ledger.broken-chain', 'The entry does not follow the last.', {
      path,
      expected: `previous hash ${previousHash}`,
      received: link.previousHash,
      remedy,
    });
    const hash = hashLink(link);
    check(link.hash === hash, 'ledger.broken-chain', 'The entry was changed after it was written.', {
      path,
      expected: `hash ${link.hash}`,
      received: hash,
      remedy,
    });
    previousHash = hash;
  });
}

function hashLink({ seq, previousHash, entry }: Omit<ChainedEntry, 'hash'>): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson({ seq, previousHash, entry }))));
}
