import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNobleIdentity } from '../shared/identity/index.ts';
import { webCryptoRandom } from '../shared/random/index.ts';
import { SYSTEM } from './access/principal.ts';
import { createAuditLog } from './audit/create-audit-log.ts';
import { checkClock } from './clock-check.ts';
import { type Database, openDatabase } from './storage/database.ts';
import { postgresBinaries, startPostgres, type TestPostgres } from './testing/postgres.ts';
import { silentLog } from './testing/silent-log.ts';

const binaries = postgresBinaries();
const SECOND_MS = 1000;

for (const kind of binaries === undefined ? (['PGlite'] as const) : (['PGlite', 'PostgreSQL'] as const))
  describe(`the clock beside that of ${kind}`, () => {
    let folder: string;
    let postgres: TestPostgres | undefined;
    let database: Database;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
      if (kind === 'PostgreSQL') postgres = await startPostgres(binaries!);
      database = await openDatabase({ dataDir: folder, databaseUrl: postgres?.url, log: silentLog });
    }, 120_000);
    afterAll(async () => {
      await database.close();
      await postgres?.dispose();
      await rm(folder, { recursive: true });
    });
    const checkAt = (offsetMs: number) => checkClock(database, () => Date.now() + offsetMs);

    test('one that is right passes, and one that is off is told by how much', async () => {
      await checkAt(0);
      for (const offsetMs of [3600 * SECOND_MS, -3600 * SECOND_MS])
        await expect(checkAt(offsetMs)).rejects.toMatchObject({
          code: 'server.clock-wrong',
          facts: {
            expected: expect.stringContaining('10 s'),
            received: expect.stringMatching(/^3(599|600) s$/),
            remedy: expect.stringContaining('NTP'),
          },
        });
    });

    test('an entry of the audit that is of the future gives away a clock that was set back', async () => {
      const random = webCryptoRandom(globalThis.crypto);
      const nowMs = () => Date.now() + 60 * SECOND_MS;
      const audit = createAuditLog({ database, identity: createNobleIdentity(random), nowMs });
      await audit.append(SYSTEM, { action: 'training.start', subject: 'training:1' });
      await expect(checkAt(0)).rejects.toMatchObject({
        code: 'server.clock-wrong',
        facts: { expected: expect.stringContaining('audit') },
      });
    });
  });
