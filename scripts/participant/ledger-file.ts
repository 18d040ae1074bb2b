import { join } from 'node:path';
import { MurmurationError } from '../../shared/errors/index.ts';
import {
  appendEntry,
  type Bounds,
  type ChainedEntry,
  checkHead,
  guard,
  headOf,
  type LedgerEntry,
  type LedgerHead,
  type OpenAccount,
  Spending,
  unlocked,
  verifyChain,
} from '../../shared/ledger/index.ts';
import { appendDurably, cutTo, diskFiles, type FileSystem, readIfThere, writeWhole } from './durable-file.ts';
import { fileNameOf } from './file-name.ts';
import { serialized } from './serialized.ts';

/** The ledgers of a state folder: a chain of JSON lines for each dataset, and where it ends in a file of its own. */
export interface LedgerFiles {
  /** @throws as `Store.permitRelease`. */
  permit(entry: LedgerEntry, bounds: Bounds): Promise<void>;
  /** @throws as `Store.appendLedger`. */
  append(entry: LedgerEntry, bounds: Bounds): Promise<void>;
  /** Oldest first, checked. @throws `ledger.broken-chain`. */
  read(dataset: string): Promise<readonly ChainedEntry[]>;
  /** What it adds up to. @throws `privacy.ledger-locked`. */
  spending(dataset: string): Promise<Spending>;
}

/** `pending`: an entry that is about to be written, or just was. It counts from then on. */
interface HeadFile extends LedgerHead {
  readonly pending?: ChainedEntry;
}

interface Known {
  readonly bytes: number;
  readonly head: string;
  readonly spending: Spending;
}

/**
 * An entry is announced in the head, added to the chain, then struck from the head: each step durable before the next. After a
 * crash between any two the announced entry is found and finished, so that what may have left the device is never forgotten, and
 * a chain that somebody cut short is still told from one whose last write was interrupted.
 */
export function ledgerFiles(
  folder: string,
  account: OpenAccount,
  system: FileSystem = diskFiles,
): LedgerFiles {
  const known = new Map<string, Known>();
  const chainPath = (dataset: string): string => join(folder, `${fileNameOf(dataset)}.jsonl`);
  const headPath = (dataset: string): string => join(folder, `${fileNameOf(dataset)}.head.json`);

  /** The chain as it is on the disk, an interrupted write finished. @throws `ledger.broken-chain`. */
  async function chainOf(dataset: string): Promise<{ links: ChainedEntry[]; bytes: number; head: string }> {
    const path = chainPath(dataset);
    const headText = textOf(await readIfThere(headPath(dataset), system));
    const head = headText === undefined ? undefined : parseHead(headText);
    const text = textOf(await readIfThere(path, system)) ?? '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const torn = text.slice(whole.length);
    const { pending } = head ?? {};
    if (pending === undefined || head === undefined) {
      const links = parseLines(text);
      verifyChain(links);
      checkHead(links.at(-1), head && { entries: head.entries, hash: head.hash });
      return { links, bytes: Buffer.byteLength(text), head: headText ?? '' };
    }
    const line = lineOf(pending);
    const links = parseLines(line.startsWith(torn) ? whole : text);
    verifyChain(links);
    const isWritten = links.at(-1)?.hash === pending.hash;
    const before = isWritten ? links.slice(0, -1) : links;
    checkHead(before.at(-1), { entries: head.entries, hash: head.hash });
    if (!isWritten) {
      if (torn !== '') await cutTo(path, Buffer.byteLength(whole), system);
      await appendDurably(path, line, system);
      links.push(pending);
      verifyChain(links);
    }
    const settled = JSON.stringify(headOf(links.at(-1)));
    await writeWhole(headPath(dataset), settled, { system });
    return { links, bytes: Buffer.byteLength(isWritten ? text : whole + line), head: settled };
  }

  async function upToDate(dataset: string): Promise<Spending> {
    const before = known.get(dataset);
    known.delete(dataset);
    const isSame =
      before !== undefined &&
      (await sizeOf(chainPath(dataset), system)) === before.bytes &&
      textOf(await readIfThere(headPath(dataset), system)) === before.head;
    if (isSame) {
      known.set(dataset, before);
      return before.spending;
    }
    try {
      const { links, bytes, head } = await chainOf(dataset);
      const spending = unlocked(() => Spending.of(links, account));
      known.set(dataset, { bytes, head, spending });
      return spending;
    } catch (thrown) {
      throw unlocked(() => {
        throw thrown;
      });
    }
  }

  return {
    permit: (entry, bounds) =>
      serialized(chainPath(entry.dataset), async () => {
        guard(await upToDate(entry.dataset), entry, bounds);
      }),

    append: (entry, bounds) =>
      serialized(chainPath(entry.dataset), async () => {
        const { dataset } = entry;
        const spending = await upToDate(dataset);
        guard(spending, entry, bounds);
        const last = spending.links.at(-1);
        const link = appendEntry(last, structuredClone(entry));
        const line = lineOf(link);
        const { bytes } = known.get(dataset)!;
        known.delete(dataset);
        await writeWhole(headPath(dataset), JSON.stringify({ ...headOf(last), pending: link }), { system });
        await appendDurably(chainPath(dataset), line, system);
        const head = JSON.stringify(headOf(link));
        await writeWhole(headPath(dataset), head, { system });
        spending.take(link);
        known.set(dataset, { bytes: bytes + Buffer.byteLength(line), head, spending });
      }),

    read: (dataset) => serialized(chainPath(dataset), async () => (await chainOf(dataset)).links),
    spending: (dataset) => serialized(chainPath(dataset), () => upToDate(dataset)),
  };
}

function lineOf(link: ChainedEntry): string {
  return `${JSON.stringify(link)}\n`;
}

function parseLines(text: string): ChainedEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => parse(line, `ledger entry ${index}`) as ChainedEntry);
}

function parseHead(text: string): HeadFile {
  const head = parse(text, 'the end of the ledger') as Partial<HeadFile> | null;
  if (typeof head?.entries === 'number' && typeof head.hash === 'string') return head as HeadFile;
  throw broken('the end of the ledger');
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw broken(path, cause);
  }
}

function broken(path: string, cause?: unknown): MurmurationError {
  return new MurmurationError('ledger.broken-chain', 'The ledger cannot be read.', {
    path,
    expected: 'JSON as this program wrote it',
    remedy: 'The ledger was changed or damaged: treat the privacy budget of this dataset as spent.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

async function sizeOf(path: string, system: FileSystem): Promise<number> {
  try {
    return (await system.stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
