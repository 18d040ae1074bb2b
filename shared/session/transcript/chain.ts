import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { NodeId } from '../../identity/index.ts';
import type { ParameterShape } from '../../update/index.ts';
import type { AttemptId } from '../../wire/index.ts';
import { canonical, type EventKind } from './events.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Whose transcript it is, of what. */
export interface TranscriptHeader {
  readonly node: NodeId;
  /** Raw Ed25519 key that signed it; a participant's id follows from it. */
  readonly identityKey: Bytes;
  readonly run: string;
  readonly attempt: AttemptId;
  /** Canonical JSON of the federation document as the node had it. */
  readonly federation: string;
  /** Names and shapes of the model's parameters, in order. */
  readonly layout: readonly ParameterShape[];
}

export interface TranscriptEvent {
  /** 0 for the first, then one more each. */
  readonly seq: number;
  /** By the node's own clock, milliseconds since the Unix epoch. */
  readonly atMs: number;
  /** Of several groups of a round, which; 0 also for what concerns all of them. */
  readonly group: number;
  readonly kind: EventKind;
  /** Canonical MessagePack of the facts. */
  readonly body: Bytes;
  /** See {@link linkHash}. */
  readonly hash: Bytes;
}

/** Stands before the first event: no event fits under another header. */
export function genesisHash(header: TranscriptHeader): Bytes {
  const { node, identityKey, run, attempt, federation, layout } = header;
  const federationHash = sha256(utf8ToBytes(federation));
  const shapes = layout.map(({ name, shape }) => [name, ...shape]);
  const { term, round, attempt: count } = attempt;
  return hash(
    canonical([
      'murmuration transcript v1',
      node,
      identityKey,
      run,
      term,
      round,
      count,
      federationHash,
      shapes,
    ]),
  );
}

/** SHA-256 over the hash before and the event: none can change, go or change places without this telling. */
export function linkHash(
  previous: Bytes,
  { seq, atMs, group, kind, body }: Omit<TranscriptEvent, 'hash'>,
): Bytes {
  return hash(concatBytes(previous, canonical([seq, atMs, group, kind, body])));
}

/** What the node signs: the last link, how many there are, and the digest of what lies beside them. */
export function headBytes(head: Bytes, count: number, bulkDigest: Bytes): Bytes {
  return canonical(['murmuration transcript head v1', count, head, bulkDigest]);
}

function hash(message: Uint8Array): Bytes {
  return new Uint8Array(sha256(message));
}
