import { expect, test } from 'vitest';
import { createNobleIdentity, toBase64Url } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import type { AuditEntry } from './audit-log.ts';
import { checkpointStatement, GENESIS_HASH, hashOfEntry } from './entry-hash.ts';
import { type AuditLine, verifyChain } from './verify-chain.ts';

const identity = createNobleIdentity(webCryptoRandom(globalThis.crypto));

function entryAfter(previous: AuditEntry | undefined): AuditEntry {
  const entry = {
    seq: (previous?.seq ?? 0) + 1,
    atMs: 1,
    action: 'training.start',
    subject: 'training:1',
    actor: 'system',
    role: null,
    address: 'local',
    requestId: 'r',
    outcome: 'done' as const,
    previousHash: previous?.hash ?? GENESIS_HASH,
  };
  return { ...entry, hash: hashOfEntry(entry) };
}

test('V-01: the hash of an entry is over its canonical JSON, what is absent being null', async () => {
  const { createHash } = await import('node:crypto');
  const json =
    '{"action":"training.start","actor":"system","address":"local","after":null,"atMs":1,"before":null,"code":null,' +
    `"outcome":"done","previousHash":"${GENESIS_HASH}","requestId":"r","role":null,"seq":1,"subject":"training:1"}`;
  expect(entryAfter(undefined).hash).toBe(createHash('sha256').update(json).digest('hex'));
});

test('lines are taken one by one, from a file too, and no more after the first fault', async () => {
  let taken = 0;
  async function* lines(): AsyncGenerator<AuditLine> {
    let previous: AuditEntry | undefined;
    while (true) {
      const entry = entryAfter(previous);
      previous = entry;
      taken++;
      // As it comes back from a file.
      const line = JSON.stringify({
        kind: 'entry',
        entry: taken === 2500 ? { ...entry, actor: 'other' } : entry,
      });
      yield JSON.parse(line) as AuditLine;
    }
  }
  expect(await verifyChain(lines(), identity.publicKey)).toEqual({
    ok: false,
    entries: 2499,
    checkpoints: 0,
    broken: { seq: 2500, why: 'the entry was changed after it was written' },
    unfinished: [],
  });
  expect(taken).toBe(2500);
});

test('what is no entry at all is a fault, and throws nothing', async () => {
  const broken = { ...entryAfter(undefined), before: { n: Number.NaN } };
  const none = { seq: 'x' } as unknown as AuditEntry;
  for (const entry of [broken, none])
    expect((await verifyChain([{ kind: 'entry', entry }], identity.publicKey)).ok).toBe(false);
  const checkpoint = { seq: 1, hash: 'h', atMs: 1, signature: 'not base64url!' };
  expect((await verifyChain([{ kind: 'checkpoint', checkpoint }], identity.publicKey)).ok).toBe(false);
});

test('V-02: a checkpoint of another entry is found, though it is signed', async () => {
  const first = entryAfter(undefined);
  const unsigned = { seq: 1, hash: 'f'.repeat(64), atMs: 1 };
  const signature = toBase64Url(await identity.sign(checkpointStatement(unsigned)));
  const lines: AuditLine[] = [
    { kind: 'entry', entry: first },
    { kind: 'checkpoint', checkpoint: { ...unsigned, signature } },
  ];
  expect((await verifyChain(lines, identity.publicKey)).broken).toEqual({
    seq: 1,
    why: 'the entry is not the one that the checkpoint signed',
  });
  expect(await verifyChain([], identity.publicKey)).toMatchObject({ ok: true, entries: 0 });
});
