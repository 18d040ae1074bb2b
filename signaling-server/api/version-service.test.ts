import { expect, test } from 'vitest';
import { MurmurationError } from '../../shared/errors/index.ts';
import { SYSTEM } from '../access/principal.ts';
import type { AuditEvent } from '../audit/audit-log.ts';
import { notedAudit } from '../testing/noted-audit.ts';
import type { Promotion } from './promotion-repository.ts';
import { createVersionService } from './version-service.ts';

const HASH = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

/** Version 3 of the only run, and what is asked of others. */
function world(status: 'open' | 'finished' = 'open') {
  const noted: AuditEvent[] = [];
  const promoted: Promotion[] = [];
  const orders: object[] = [];
  const versions = createVersionService({
    repository: {
      getRun: async (id: string) => ({ id, federation: 'digits', status, term: 1, round: 7, model: null }),
      getFederation: async () => ({}),
      listLineage: async (_run: string, from: number, limit: number) =>
        [1, 2, 3]
          .filter((version) => version >= from)
          .map((version) => ({ version }))
          .slice(0, limit),
      findVersion: async (_run: string, version: number) => {
        if (version !== 3)
          throw new MurmurationError('model.unavailable', 'This server does not keep that model.');
        return { version, hash: HASH, layoutHash: 'l', bytes: 8, blob: 'x' };
      },
    } as never,
    promotions: {
      promote: async (promotion) => void promoted.push(promotion),
      promotedOf: async () => promoted.at(-1),
    },
    judges: {} as never,
    audit: notedAudit((event) => noted.push(event)),
    rollBack: async (federation, to) => void orders.push({ federation, ...to }),
    nowMs: () => 1_000 + promoted.length,
  });
  return { versions, noted, promoted, orders };
}
const signal = new AbortController().signal;

test('the lineage comes in pages whose end is said', async () => {
  const { versions } = world();
  expect(await versions.lineage(SYSTEM, 'run', { limit: 2 })).toEqual({
    items: [{ version: 1 }, { version: 2 }],
    next: '3',
  });
  expect(await versions.lineage(SYSTEM, 'run', { from: 3, limit: 2 })).toEqual({
    items: [{ version: 3 }],
    next: null,
  });
});

test('a promotion takes the hash of what was looked at; the newest counts', async () => {
  const { versions, noted, promoted } = world();
  await expect(versions.promoted(SYSTEM, 'digits')).rejects.toMatchObject({ code: 'http.not-found' });
  await expect(versions.promote(SYSTEM, 'run', 3, OTHER)).rejects.toMatchObject({
    code: 'model.hash-mismatch',
    facts: { path: 'hash', expected: HASH },
  });
  await expect(versions.promote(SYSTEM, 'run', 4, HASH)).rejects.toMatchObject({ code: 'model.unavailable' });
  expect([noted, promoted]).toEqual([[], []]);
  const promotion = { federation: 'digits', run: 'run', version: 3, hash: HASH, promotedBy: 'system' };
  expect(await versions.promote(SYSTEM, 'run', 3, HASH)).toEqual({ ...promotion, atMs: 1_000 });
  expect(await versions.promoted(SYSTEM, 'digits')).toEqual({ ...promotion, atMs: 1_000 });
  await versions.promote(SYSTEM, 'run', 3, HASH);
  expect(noted).toEqual([
    {
      action: 'model.promote',
      subject: 'federation:digits',
      after: { run: 'run', version: 3, hash: HASH },
    },
    {
      action: 'model.promote',
      subject: 'federation:digits',
      before: { run: 'run', version: 3 },
      after: { run: 'run', version: 3, hash: HASH },
    },
  ]);
});

test('rolling back is ordered from the coordinator, of a run that is open, and by the right hash', async () => {
  const { versions, noted, orders } = world();
  await expect(versions.rollBack(SYSTEM, 'run', { to: 3, hash: OTHER }, signal)).rejects.toMatchObject({
    code: 'model.hash-mismatch',
  });
  expect(orders).toEqual([]);
  expect(await versions.rollBack(SYSTEM, 'run', { to: 3, hash: HASH }, signal)).toEqual({
    run: 'run',
    to: 3,
    hash: HASH,
  });
  expect(orders).toEqual([{ federation: 'digits', version: 3, hash: HASH }]);
  expect(noted).toEqual([
    {
      action: 'model.roll-back',
      subject: 'federation:digits',
      before: { run: 'run', version: 7 },
      after: { run: 'run', version: 3, hash: HASH },
    },
  ]);
  const over = world('finished');
  await expect(over.versions.rollBack(SYSTEM, 'run', { to: 3, hash: HASH }, signal)).rejects.toMatchObject({
    code: 'http.conflict',
    facts: { received: 'finished' },
  });
  expect(over.orders).toEqual([]);
});
