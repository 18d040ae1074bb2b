import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { headOf, type LedgerEntry, type SpendingLimit } from '../../shared/ledger/index.ts';
import { storeContract } from '../../shared/testing/store-contract.ts';
import { toyAccountant } from '../../shared/testing/toy-accountant.ts';
import type { FileSystem } from './durable-file.ts';
import { fileStore, TRANSCRIPTS_KEPT, transcriptPath } from './file-store.ts';
import { ledgerFiles } from './ledger-file.ts';

const folders: string[] = [];

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'participant-'));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

storeContract(
  'the store in a folder',
  async () => {
    const folder = freshFolder();
    const limits = new Map<string, SpendingLimit>();
    const open = () => {
      const ledgers = ledgerFiles(join(folder, 'ledgers'), toyAccountant);
      return { ledgers, store: fileStore({ folder, ledgers, limitOf: (dataset) => limits.get(dataset) }) };
    };
    const { store, ledgers } = open();
    const chain = (dataset: string): string => join(folder, 'ledgers', `${dataset}.jsonl`);
    return {
      store,
      reopen: async () => open().store,
      readLedger: (dataset) => ledgers.read(dataset),
      async readTranscript(run, round) {
        return fs.readFile(transcriptPath(folder, run, round)).then(
          (bytes) => new Uint8Array(bytes),
          () => undefined,
        );
      },
      limits: {
        async setLimit(dataset, limit) {
          if (limit === undefined) limits.delete(dataset);
          else limits.set(dataset, limit);
        },
        another: async () => open().store,
        async cutShort(dataset) {
          const lines = readFileSync(chain(dataset), 'utf8').split('\n');
          writeFileSync(chain(dataset), `${lines.slice(0, -2).join('\n')}\n`);
        },
        async falsify(dataset) {
          const text = readFileSync(chain(dataset), 'utf8');
          writeFileSync(chain(dataset), text.replace('"round":1', '"round":7'));
        },
      },
      transcriptsKept: TRANSCRIPTS_KEPT,
      close: async () => undefined,
    };
  },
  { reopen: true, readLedger: true, limits: true, memory: true },
);

const entryOf = (round: number): LedgerEntry => ({
  dataset: 'd',
  run: 'run',
  round,
  atMs: round,
  event: { mechanism: 'none', released: 'update', clipNorm: 1, weight: 1 },
});

/** A disk that loses power at the n-th file that is opened for writing, before or after some of it was written. */
function failingAt(count: number, torn: boolean): FileSystem {
  let opened = 0;
  return {
    ...fs,
    async open(path, flags, mode) {
      const file = await fs.open(path, flags, mode);
      if (flags === 'r' || ++opened < count) return file;
      if (torn) await file.writeFile('{"seq"');
      await file.close();
      throw Object.assign(new Error('power'), { code: 'ENOSPC' });
    },
  };
}

describe('a crash while an entry of the ledger is written', () => {
  test.each([
    ['before it was announced', 1, [1]],
    ['after it was announced', 2, [1, 2]],
    ['after it was written', 3, [1, 2]],
  ])('%s: the chain is whole, and what was announced counts', async (_, step, rounds) => {
    const folder = freshFolder();
    await ledgerFiles(folder, toyAccountant).append(entryOf(1), {});
    const failing = ledgerFiles(folder, toyAccountant, failingAt(step, false));
    await expect(failing.append(entryOf(2), {})).rejects.toMatchObject({ code: 'storage.full' });
    const again = ledgerFiles(folder, toyAccountant);
    expect((await again.read('d')).map(({ entry }) => entry.round)).toEqual(rounds);
    await again.append(entryOf(3), {});
    const links = await ledgerFiles(folder, toyAccountant).read('d');
    expect(links.map(({ entry }) => entry.round)).toEqual([...rounds, 3]);
    expect(JSON.parse(readFileSync(join(folder, 'd.head.json'), 'utf8'))).toEqual(headOf(links.at(-1)));
  });

  test('in the middle of a line: it is written again', async () => {
    const folder = freshFolder();
    await ledgerFiles(folder, toyAccountant).append(entryOf(1), {});
    const failing = ledgerFiles(folder, toyAccountant, failingAt(2, true));
    await expect(failing.append(entryOf(2), {})).rejects.toMatchObject({ code: 'storage.full' });
    expect(readFileSync(join(folder, 'd.jsonl'), 'utf8')).toMatch(/\n\{"seq"$/);
    const rounds = (await ledgerFiles(folder, toyAccountant).read('d')).map(({ entry }) => entry.round);
    expect(rounds).toEqual([1, 2]);
  });

  test('a torn line that nobody announced is damage', async () => {
    const folder = freshFolder();
    await ledgerFiles(folder, toyAccountant).append(entryOf(1), {});
    writeFileSync(join(folder, 'd.jsonl'), `${readFileSync(join(folder, 'd.jsonl'), 'utf8')}{"seq"`);
    const ledgers = ledgerFiles(folder, toyAccountant);
    await expect(ledgers.permit(entryOf(2), {})).rejects.toMatchObject({ code: 'privacy.ledger-locked' });
  });
});

test('ledgers and models are for their owner only', async () => {
  const folder = freshFolder();
  await ledgerFiles(folder, toyAccountant).append(entryOf(1), {});
  for (const name of ['d.jsonl', 'd.head.json'])
    expect((await fs.stat(join(folder, name))).mode & 0o777).toBe(0o600);
});
