import { check, checkInteger, toErrorRecord } from '../../shared/errors/index.ts';
import { type Identity, isParticipantId, toBase64Url } from '../../shared/identity/index.ts';
import { type CryptoRandom, webCryptoRandom } from '../../shared/random/index.ts';
import type { Caller } from '../access/principal.ts';
import type { Database } from '../storage/database.ts';
import type { AuditEntry, AuditEvent, AuditLog, AuditVerdict } from './audit-log.ts';
import { auditRows, type Head } from './audit-rows.ts';
import { checkpointStatement, FIRST_SEQ, GENESIS_HASH, hashOfEntry } from './entry-hash.ts';
import { checkFacts } from './facts.ts';
import { nameParticipants } from './name-participants.ts';
import { pseudonymBook } from './pseudonyms.ts';
import { readLines } from './read-lines.ts';
import { recordChange } from './record-change.ts';
import { type AuditLine, CUT_ACTION, verifyChain } from './verify-chain.ts';

export interface AuditOptions {
  readonly database: Database;
  /** Signs checkpoints. */
  readonly identity: Identity;
  readonly nowMs?: () => number;
  readonly random?: CryptoRandom;
  /** Whoever was erased gets no new name. */
  readonly isErased?: (participant: string) => Promise<boolean>;
}

export interface ServerAuditLog extends AuditLog {
  /** Hears that entries are there; those of other replicas are not told of. */
  subscribe(listener: (entry: AuditEntry) => void): () => void;
  /** Newest entry; 0 where there is none. */
  newestSeq(): Promise<number>;
  /** Oldest first, after this one, at most `limit`. */
  entriesAfter(seq: number, limit: number): Promise<AuditEntry[]>;
  /** The whole log, for a file that {@link verifyChain} reads too. */
  lines(): AsyncIterable<AuditLine>;
  /**
   * Cuts off what is older than this, up to a checkpoint, and writes an entry that says so first: what is left still verifies.
   * @param upToSeq - nothing after it goes, however old: it has not been fed to a receiver.
   * @returns how many entries went.
   */
  cut(caller: Caller, olderThanMs: number, upToSeq?: number): Promise<number>;
}

interface Waiting {
  readonly event: Omit<AuditEntry, 'seq' | 'previousHash' | 'hash'>;
  readonly done: (entry: AuditEntry) => void;
  readonly failed: (reason: unknown) => void;
}

/** Entries of one statement: PostgreSQL takes 65,535 parameters, and an entry has fourteen. */
const MAX_BATCH = 500;
const MAX_PAGE = 1000;
/** Of what comes from a request. */
const MAX_ORIGIN = 256;
const ACTION = /^[a-z][a-z0-9-]*(?:\.[a-z][a-z0-9-]*)+$/;

export function createAuditLog({
  database,
  identity,
  nowMs = Date.now,
  random = webCryptoRandom(globalThis.crypto),
  isErased = () => Promise.resolve(false),
}: AuditOptions): ServerAuditLog {
  const rows = auditRows(database);
  /** Tells what replicas do of their own accord apart, so that two equal entries are not taken for one that was sent twice. */
  const writer = toBase64Url(random.bytes(6));
  const pseudonyms = pseudonymBook(database, random, isErased);
  const listeners = new Set<(entry: AuditEntry) => void>();
  let waiting: Waiting[] = [];
  let isWriting = false;
  let head: Head | undefined;
  /** What came of changes, while the database is away: written down with whatever is next. */
  const owed: { readonly caller: Caller; readonly event: AuditEvent }[] = [];
  let paying: Promise<void> | undefined;
  /** Who came first is named first, so that the order of calls is that of entries. */
  let naming: Promise<unknown> = Promise.resolve();

  async function write(batch: readonly Waiting[]): Promise<void> {
    while (true) {
      head ??= (await rows.head()) ?? { seq: FIRST_SEQ - 1, hash: GENESIS_HASH };
      const entries: AuditEntry[] = [];
      let previous = head;
      for (const { event } of batch) {
        const link = { ...event, seq: previous.seq + 1, previousHash: previous.hash };
        const entry = { ...link, hash: hashOfEntry(link) };
        entries.push(entry);
        previous = entry;
      }
      // Another replica may take the place first; each time around somebody got one further.
      head = undefined;
      if (!(await rows.insert(entries))) continue;
      head = { seq: previous.seq, hash: previous.hash };
      entries.forEach((entry, index) => {
        batch[index]!.done(entry);
      });
      return;
    }
  }

  async function drain(): Promise<void> {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_BATCH);
      waiting = waiting.slice(MAX_BATCH);
      try {
        await write(batch);
      } catch (thrown) {
        for (const { failed } of batch) failed(thrown);
      }
    }
    isWriting = false;
  }

  const append = async (caller: Caller, event: AuditEvent): Promise<AuditEntry> => {
    const entry = await writeEntry(caller, event);
    if (owed.length > 0) void payOwed();
    return entry;
  };

  const end = async (caller: Caller, event: AuditEvent): Promise<void> => {
    try {
      await append(caller, event);
    } catch (thrown) {
      if (!isStorageError(thrown)) throw thrown;
      owed.push({ caller, event });
    }
  };

  /** What cannot be written yet stays owed: the next entry, or the next checkpoint, tries again. */
  function payOwed(): Promise<void> {
    const pay = async (): Promise<void> => {
      for (let next = owed[0]; next !== undefined; next = owed[0]) {
        await writeEntry(next.caller, next.event);
        owed.shift();
      }
    };
    paying ??= pay()
      // It is still owed.
      .catch(() => undefined)
      .finally(() => {
        paying = undefined;
      });
    return paying;
  }

  const writeEntry = async (caller: Caller, event: AuditEvent): Promise<AuditEntry> => {
    const { principal, origin } = caller;
    check(ACTION.test(event.action), 'argument.invalid', 'This cannot be an action of the audit log.', {
      path: 'action',
      expected: 'thing.verb in lower-case letters, such as training.start',
    });
    if (event.before !== undefined) checkFacts('before', event.before);
    if (event.after !== undefined) checkFacts('after', event.after);
    const turn = naming.then(() =>
      nameParticipants(
        { ...event, actor: clean(principal.name), subject: clean(event.subject) },
        pseudonyms.of,
      ),
    );
    naming = turn.catch(() => undefined);
    const named = await turn;
    const entry = await new Promise<AuditEntry>((done, failed) => {
      waiting.push({
        event: {
          ...named,
          outcome: named.outcome ?? 'done',
          role: principal.role ?? null,
          address: clean(origin.address),
          requestId: principal.kind === 'system' ? `system-${writer}` : clean(origin.requestId),
          atMs: nowMs(),
        },
        done,
        failed,
      });
      if (!isWriting) void drain();
    });
    for (const listener of [...listeners]) listener(entry);
    return entry;
  };

  async function checkpoint(): Promise<void> {
    await payOwed();
    const newest = await rows.head();
    if (newest === undefined || (await rows.newestCheckpoint())?.seq === newest.seq) return;
    const unsigned = { ...newest, atMs: nowMs() };
    const signature = toBase64Url(await identity.sign(checkpointStatement(unsigned)));
    await rows.insertCheckpoint({ ...unsigned, signature });
  }

  async function verify(): Promise<AuditVerdict> {
    while (true) {
      const [first] = await rows.entriesAfter(0, 1);
      const verdict = await verifyChain(readLines(rows), identity.publicKey);
      // A log that was cut meanwhile looks broken where it was read last.
      if (verdict.ok || (await rows.entriesAfter(0, 1))[0]?.seq === first?.seq) return verdict;
    }
  }

  return {
    append,
    record: recordChange(append, end),
    checkpoint,
    verify,
    pseudonymOf: pseudonyms.of,
    forget: pseudonyms.forget,
    entriesAfter: rows.entriesAfter,
    lines: () => readLines(rows),
    newestSeq: async () => (await rows.head())?.seq ?? FIRST_SEQ - 1,

    async list(query) {
      const { limit = 100, after } = query;
      checkInteger('limit', limit, 1, MAX_PAGE);
      check(after === undefined || /^\d{1,15}$/.test(after), 'argument.invalid', 'There is no such page.', {
        path: 'after',
        expected: 'what the page before gave as next',
      });
      const subject = query.subject && (await named(query.subject));
      const actor = query.actor && (await named(query.actor));
      const found = await rows.find({
        ...query,
        ...(subject === undefined ? {} : { subject }),
        ...(actor === undefined ? {} : { actor }),
        limit: limit + 1,
      });
      const items = found.slice(0, limit);
      return { items, next: found.length > limit ? String(items.at(-1)!.seq) : null };
    },

    async cut(caller, olderThanMs, upToSeq) {
      const at = await rows.newestCheckpoint({ notAfterMs: olderThanMs, upToSeq });
      const [oldest] = await rows.entriesAfter(0, 1);
      if (at === undefined || oldest === undefined || oldest.seq > at.seq) return 0;
      await append(caller, {
        action: CUT_ACTION,
        subject: 'audit',
        after: { from: oldest.seq, upTo: at.seq, hash: at.hash, olderThanMs },
      });
      await checkpoint();
      return rows.cut(at.seq);
    },

    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  /** What somebody looks for by a participant's id is there by its pseudonym. */
  async function named(text: string): Promise<string> {
    const id = text.startsWith('participant:') ? text.slice('participant:'.length) : '';
    if (!isParticipantId(id)) return text;
    return `participant:${(await pseudonyms.find(id)) ?? id}`;
  }
}

function isStorageError(thrown: unknown): boolean {
  return toErrorRecord(thrown).code.startsWith('storage.');
}

/** What comes from outside must neither break a line of a log nor be refused by a database. */
function clean(text: string): string {
  return text.slice(0, MAX_ORIGIN).replaceAll(/[\p{Control}\p{Surrogate}\p{Line_Separator}]/gu, '\uFFFD');
}
