import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Federation, parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import { type ParticipantId, verifySignature } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { storeContract } from '../../shared/testing/store-contract.ts';
import { layoutOf, makeModel } from '../../shared/update/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { seedSamples } from '../seed.ts';
import { readBlob } from '../storage/blob-store.ts';
import type { Database } from '../storage/database.ts';
import type { Repository } from '../storage/repository.ts';
import { privacyContract } from './privacy-contract.ts';
import { reliabilityContract } from './reliability-contract.ts';
import { silentLog } from './silent-log.ts';

export interface OpenedRepository {
  readonly repository: Repository;
  /** Forgets every row. */
  clear(): Promise<void>;
  /** Writes something else where the server's key is kept. */
  spoilIdentity(text: string): Promise<void>;
  close(): Promise<void>;
}

export const TRANSCRIPTS_KEPT = 3;

export async function clearRows(database: Database): Promise<void> {
  await database.run((db) =>
    db.execute(
      sql`truncate federations, runs, rounds, model_versions, metrics, ledger_events, participants, transcripts, server_identity, releases, budget_entries, reliability, standings`,
    ),
  );
}

export async function spoilIdentity(database: Database, text: string): Promise<void> {
  await database.run((db) => db.execute(sql`update server_identity set private_key = ${text}`));
}

const layout = layoutOf([{ name: 'w', shape: [2] }]);

function federationOf(id: string, changes: Partial<Federation> = {}): Federation {
  return parseFederation({ ...sampleFederations[0]!, id, ...changes });
}

function modelOf(version: number, ...weights: number[]) {
  return makeModel(version, layout, new Float32Array(weights));
}

function recordOf(round: number, changes: Partial<RoundRecord> = {}): RoundRecord {
  return {
    round,
    term: 1,
    attempt: 1,
    coordinator: 'server',
    federationRevision: 1,
    baseHash: 'a'.repeat(64),
    hash: round.toString(16).padStart(64, '0'),
    survivors: ['AAAAAAAAAAAAAAAAAAAAAA' as ParticipantId],
    dropped: [],
    startedAtMs: 1000,
    trainMs: 1.5,
    exchangeMs: 2,
    applyMs: 3,
    evaluation: null,
    secure: null,
    ...changes,
  };
}

/** What the server's repository promises: the session's Store, and more; the same for every database. */
export function repositoryContract(name: string, open: () => Promise<OpenedRepository>): void {
  let opened: OpenedRepository;
  let repository: Repository;
  beforeAll(async () => {
    opened = await open();
    repository = opened.repository;
  }, 120_000);
  afterAll(() => opened?.close());

  const readTranscript = async (run: string, round: number): Promise<Uint8Array | undefined> => {
    try {
      const { blob, bytes } = await repository.findTranscript(run, round);
      const file = await readBlob(repository.blobs, blob);
      expect(file.byteLength).toBe(bytes);
      return file;
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'http.not-found' });
      return undefined;
    }
  };

  storeContract(
    `the repository on ${name}`,
    async () => {
      await opened.clear();
      return {
        store: repository,
        readLedger: repository.readLedger,
        readTranscript,
        transcriptsKept: TRANSCRIPTS_KEPT,
        close: async () => undefined,
      };
    },
    { reopen: false, readLedger: true, limits: false },
  );

  privacyContract(name, () => opened);
  reliabilityContract(name, () => opened);

  describe(`the repository on ${name}`, () => {
    describe('federations', () => {
      test('come back as they were put, down to the last digit', async () => {
        const federation = federationOf('round-trip', {
          description: 'ähm, 数字 and "quotes"',
          strategy: { ...sampleFederations[0]!.strategy, clipNorm: 0.1 + 0.2 },
        });
        expect(await repository.putFederation(federation)).toBe('created');
        expect(await repository.getFederation('round-trip')).toEqual(federation);
      });

      test('F-04: putting the same again changes nothing; a higher revision replaces; others conflict', async () => {
        const first = federationOf('revised');
        const second = federationOf('revised', { revision: 2, name: 'Second' });
        expect(await repository.putFederation(first)).toBe('created');
        expect(await repository.putFederation(first)).toBe('unchanged');
        await expect(
          repository.putFederation(federationOf('revised', { name: 'Other' })),
        ).rejects.toMatchObject({ code: 'federation.conflict', facts: { path: 'revision' } });
        expect(await repository.putFederation(second)).toBe('updated');
        await expect(repository.putFederation(first)).rejects.toMatchObject({ code: 'federation.conflict' });
        expect(await repository.getFederation('revised')).toEqual(second);
      });

      test('of two that are put at once under one id, one wins and one conflicts', async () => {
        const outcomes = await Promise.allSettled(
          ['One', 'Two'].map((title) => repository.putFederation(federationOf('raced', { name: title }))),
        );
        expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      });

      test('an unknown one has a name for it', async () => {
        await expect(repository.getFederation('nowhere')).rejects.toMatchObject({
          code: 'federation.unknown',
        });
      });

      test('a text that the database cannot hold is refused by name', async () => {
        for (const description of ['a\u0000b', 'half \ud83d of a pair']) {
          await expect(
            repository.putFederation(federationOf('unstorable', { description })),
          ).rejects.toMatchObject({ code: 'federation.invalid' });
        }
        await expect(
          repository.putFederation(federationOf('storable', { description: 'whole 😀' })),
        ).resolves.toBe('created');
      });

      test('are listed in order of their ids, in pages', async () => {
        for (const id of ['page-c', 'page-a', 'page-b']) await repository.putFederation(federationOf(id));
        const page = await repository.listFederations({ after: 'page', limit: 2 });
        expect(page.map(({ id }) => id)).toEqual(['page-a', 'page-b']);
        const next = await repository.listFederations({ after: 'page-b', limit: 1 });
        expect(next.map(({ id }) => id)).toEqual(['page-c']);
      });
    });

    describe('runs', () => {
      test('a run fits documents of the same model and data, and no others', async () => {
        const federation = federationOf('fits');
        await repository.putFederation(federation);
        const { id } = await repository.currentRun(federation);
        expect(await repository.runFits(id, { ...federation, revision: 2, name: 'Renamed' })).toBe(true);
        const wider = { ...federation.data, width: 29 } as Federation['data'];
        expect(await repository.runFits(id, { ...federation, data: wider })).toBe(false);
        expect(await repository.runFits(id, { ...federation, id: 'other' })).toBe(false);
        await expect(repository.runFits('none', federation)).rejects.toMatchObject({
          code: 'http.not-found',
        });
      });

      test('a federation has one run, however many ask at once', async () => {
        const federation = federationOf('one-run');
        await repository.putFederation(federation);
        const runs = await Promise.all(Array.from({ length: 8 }, () => repository.currentRun(federation)));
        expect(new Set(runs.map(({ id }) => id)).size).toBe(1);
        expect(runs[0]).toMatchObject({ status: 'open', term: 0, round: 0, model: null });
        expect(runs[0]!.id).toMatch(/^[A-Za-z0-9_-]{22}$/);
      });

      test('a revision that leaves model and data alone goes on with the run; another model has its own', async () => {
        const federation = federationOf('two-models');
        await repository.putFederation(federation);
        const run = await repository.currentRun(federation);
        const renamed = federationOf('two-models', { revision: 2, name: 'New name' });
        expect((await repository.currentRun(renamed)).id).toBe(run.id);
        const other = federationOf('two-models', {
          revision: 3,
          model: { ...federation.model, seed: 'another' },
        });
        expect((await repository.currentRun(other)).id).not.toBe(run.id);
      });

      test('an ended run stays current until another is started', async () => {
        const federation = federationOf('ended');
        await repository.putFederation(federation);
        const { id } = await repository.currentRun(federation);
        await repository.endRun(id, 'finished');
        await repository.endRun(id, 'stopped');
        expect(await repository.currentRun(federation)).toMatchObject({ id, status: 'finished' });
        const next = await repository.startRun(federation);
        expect(next.id).not.toBe(id);
        expect((await repository.currentRun(federation)).id).toBe(next.id);
      });

      test('S-04: terms only grow, no two are equal, and each is above what was seen elsewhere', async () => {
        const federation = federationOf('terms');
        await repository.putFederation(federation);
        const { id } = await repository.currentRun(federation);
        const terms = await Promise.all(Array.from({ length: 10 }, () => repository.nextTerm(id)));
        expect(terms.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        expect(await repository.nextTerm(id, 40)).toBe(41);
        expect(await repository.nextTerm(id, 12)).toBe(42);
        expect((await repository.getRun(id)).term).toBe(42);
      });

      test('an unknown run has a name for it', async () => {
        await expect(repository.getRun('nowhere')).rejects.toMatchObject({ code: 'http.not-found' });
        await expect(repository.nextTerm('nowhere')).rejects.toMatchObject({ code: 'http.not-found' });
      });

      test('the summary tells the last round and the newest model', async () => {
        const federation = federationOf('summary');
        await repository.putFederation(federation);
        const { id } = await repository.currentRun(federation);
        for (const round of [1, 2, 10]) await repository.saveRecord(id, recordOf(round));
        await repository.saveModel(id, modelOf(10, 1, 2));
        await repository.saveModel(id, modelOf(9, 3, 4));
        const summary = await repository.getRun(id);
        expect(summary).toMatchObject({ round: 10, model: { version: 10, bytes: 8 } });
      });
    });

    describe('lineage', () => {
      const evaluation = (correct: number, lossSum = 1) => ({ total: 10, correct, lossSum });
      const run = 'lineage';

      test('says where each version comes from, which is best, and which are kept here', async () => {
        await repository.saveModel(run, modelOf(2, 1, 2));
        const { hash } = await repository.findVersion(run, 2);
        await repository.saveRecord(run, recordOf(1, { evaluation: evaluation(7) }));
        await repository.saveRecord(run, recordOf(2, { hash, evaluation: evaluation(9) }));
        await repository.saveRecord(
          run,
          recordOf(3, { evaluation: evaluation(9), survivors: [], rollback: { to: 2 } }),
        );
        await repository.saveRecord(run, recordOf(4));
        const lineage = await repository.listLineage(run, 0, 10);
        expect(
          lineage.map(({ version, best, survivors, bytes }) => [version, best, survivors, bytes]),
        ).toEqual([
          [1, false, 1, null],
          [2, true, 1, 8],
          [3, false, 0, null],
          [4, false, 1, null],
        ]);
        expect(lineage[1]).toMatchObject({
          hash,
          base: 'a'.repeat(64),
          evaluation: evaluation(9),
          rollback: null,
        });
        expect(await repository.listLineage(run, 2, 1)).toEqual([lineage[1]]);
        expect(lineage.map(({ rollback }) => rollback)).toEqual([null, null, 2, null]);
        expect(await repository.bestVersion(run)).toBe(2);
      });

      test('of a round that was committed twice the last counts', async () => {
        await repository.saveRecord('fork', recordOf(1, { term: 2, hash: 'b'.repeat(64) }));
        await repository.saveRecord('fork', recordOf(1, { term: 1, attempt: 5, hash: 'c'.repeat(64) }));
        expect((await repository.listLineage('fork', 0, 10)).map(({ hash }) => hash)).toEqual([
          'b'.repeat(64),
        ]);
      });

      test('where nothing can be right, the least loss is best; before the first evaluation nothing is', async () => {
        expect(await repository.bestVersion('values')).toBeUndefined();
        for (const [round, loss] of [5, 2, 2, 3].entries())
          await repository.saveRecord('values', recordOf(round + 1, { evaluation: evaluation(0, loss) }));
        expect(await repository.bestVersion('values')).toBe(2);
        expect(await repository.listLineage('nothing', 0, 10)).toEqual([]);
      });

      test('Q-26: the best is of those that were evaluated on the newest held-out set', async () => {
        const [one, another] = ['1'.repeat(64), '2'.repeat(64)];
        const on = (heldOut: string, correct: number) => ({ ...evaluation(correct), heldOut });
        await repository.saveRecord('replaced-set', recordOf(1, { evaluation: on(one, 9) }));
        expect(await repository.bestVersion('replaced-set')).toBe(1);
        await repository.saveRecord('replaced-set', recordOf(2, { evaluation: on(another, 5) }));
        await repository.saveRecord('replaced-set', recordOf(3, { evaluation: on(another, 6) }));
        await repository.saveRecord('replaced-set', recordOf(4));
        expect(await repository.bestVersion('replaced-set')).toBe(3);
        const accuracies = async (set: string | null) =>
          (await repository.listMetrics('replaced-set', 0, set)).filter(({ name }) => name === 'accuracy');
        expect((await accuracies(another)).map(({ round }) => round)).toEqual([2, 3]);
        expect((await accuracies(one)).map(({ round }) => round)).toEqual([1]);
        expect(await accuracies(null)).toEqual([]);
      });

      test('the file of the best version stays, whatever is saved after it', async () => {
        await repository.saveModel('kept', modelOf(1, 1, 2));
        await repository.saveRecord('kept', recordOf(1, { evaluation: evaluation(9) }));
        for (let round = 2; round <= 12; round++) {
          await repository.saveModel('kept', modelOf(round, round, round));
          await repository.saveRecord('kept', recordOf(round, { evaluation: evaluation(1) }));
        }
        const best = (await repository.bestVersion('kept'))!;
        const { blob } = await repository.findVersion('kept', best);
        expect([...new Float32Array((await readBlob(repository.blobs, blob)).buffer)]).toEqual([1, 2]);
      });
    });

    describe('models', () => {
      test('versions are listed oldest first, and their bytes are the weights', async () => {
        await repository.saveModel('models', modelOf(2, 0.5, -1));
        await repository.saveModel('models', modelOf(1, 1, 2));
        const versions = await repository.listVersions('models');
        expect(versions.map(({ version }) => version)).toEqual([1, 2]);
        const latest = await repository.findVersion('models', 'latest');
        expect(latest).toEqual(versions[1]);
        const pieces: Uint8Array[] = [];
        for await (const piece of repository.blobs.get(latest.blob)) pieces.push(piece);
        expect(Buffer.concat(pieces).toString('hex')).toBe('0000003f000080bf');
        await expect(repository.findVersion('models', 3)).rejects.toMatchObject({
          code: 'model.unavailable',
        });
      });

      test('a later attempt at a version replaces the earlier', async () => {
        await repository.saveModel('replaced', modelOf(1, 1, 1));
        await repository.saveModel('replaced', modelOf(1, 2, 2));
        expect([...(await repository.loadModel('replaced'))!.weights]).toEqual([2, 2]);
        expect(await repository.listVersions('replaced')).toHaveLength(1);
      });

      test('a model whose file is gone is refused by name, until it is saved again', async () => {
        const model = modelOf(1, 7, 7);
        await repository.saveModel('lost', model);
        await repository.blobs.delete((await repository.findVersion('lost', 1)).blob);
        await expect(repository.loadModel('lost')).rejects.toMatchObject({ code: 'storage.corrupt' });
        await repository.saveModel('lost', model);
        expect(await repository.loadModel('lost')).toEqual(model);
      });
    });

    describe('rounds', () => {
      test('pages of records, in order', async () => {
        for (const round of [3, 1, 2]) await repository.saveRecord('paged', recordOf(round));
        const page = await repository.listRecords('paged', 2, 1);
        expect(page).toEqual([recordOf(2)]);
      });

      test('of two records of one round, that of the later attempt comes last', async () => {
        const later = recordOf(1, { term: 2, hash: 'b'.repeat(64) });
        const earlier = recordOf(1, { term: 1, attempt: 5, hash: 'c'.repeat(64) });
        await repository.saveRecord('forked', later);
        await repository.saveRecord('forked', earlier);
        expect(await repository.loadRecords('forked', 0)).toEqual([earlier, later]);
      });

      test('an evaluation that comes later is filled in; nothing else of a record changes', async () => {
        const evaluation = { total: 200, correct: 150, lossSum: 100 };
        await repository.saveRecord('evaluated', recordOf(1));
        await repository.saveRecord('evaluated', recordOf(1, { evaluation }));
        await repository.saveRecord('evaluated', recordOf(1, { trainMs: 99 }));
        expect(await repository.loadRecords('evaluated', 0)).toEqual([recordOf(1, { evaluation })]);
        expect(await repository.listMetrics('evaluated', 0)).toEqual([
          { round: 1, name: 'accuracy', value: 0.75 },
          { round: 1, name: 'loss', value: 0.5 },
        ]);
        expect(await repository.listMetrics('evaluated', 2)).toEqual([]);
      });
    });

    test('the samples are offered once, each with a run, and one that was changed stays changed', async () => {
      await opened.clear();
      await seedSamples(repository, silentLog);
      const run = await repository.currentRun(sampleFederations[0]!);
      const changed = { ...sampleFederations[1]!, revision: 5, name: 'Changed' };
      await repository.putFederation(changed);
      await seedSamples(repository, silentLog);
      const kept = await repository.listFederations({ limit: 10 });
      const expected = sampleFederations.map((sample) => (sample.id === changed.id ? changed : sample));
      expect(kept).toEqual(expected.sort((a, b) => (a.id < b.id ? -1 : 1)));
      expect((await repository.currentRun(sampleFederations[0]!)).id).toBe(run.id);
    });

    describe('transcripts', () => {
      test('files that nothing names any more are deleted', async () => {
        const keys: string[] = [];
        for (let round = 1; round <= TRANSCRIPTS_KEPT + 1; round++) {
          await repository.saveTranscript('pruned', round, Uint8Array.of(100 + round));
          keys.push((await repository.findTranscript('pruned', round)).blob);
        }
        await repository.saveTranscript('pruned', TRANSCRIPTS_KEPT + 1, Uint8Array.of(99));
        const has = await Promise.all(keys.map((key) => repository.blobs.has(key)));
        expect(has).toEqual([false, true, true, false]);
      });

      test('one file of two rounds stays until both are gone', async () => {
        const file = Uint8Array.of(77);
        await repository.saveTranscript('one', 1, file);
        await repository.saveTranscript('two', 1, file);
        await repository.saveTranscript('one', 1, Uint8Array.of(78));
        expect(await readTranscript('two', 1)).toEqual(file);
      });
    });

    describe("the server's identity", () => {
      test('is made once, however many ask at once', async () => {
        await opened.clear();
        const random = webCryptoRandom(crypto);
        const made = await Promise.all([1, 2, 3].map(() => repository.serverIdentity(random)));
        expect(new Set(made.map(({ id }) => id)).size).toBe(1);
        const message = new TextEncoder().encode('message');
        const signature = await made[0]!.sign(message);
        expect(verifySignature(made[2]!.publicKey, message, signature)).toBe(true);
        await opened.clear();
        expect((await repository.serverIdentity(random)).id).not.toBe(made[0]!.id);
      });

      test('a damaged key is refused by name, and not repeated', async () => {
        const text = 'c2VjcmV0';
        await opened.spoilIdentity(text);
        const refusal = repository.serverIdentity(webCryptoRandom(crypto));
        await expect(refusal).rejects.toMatchObject({ code: 'storage.corrupt' });
        await expect(refusal).rejects.not.toThrow(text);
      });
    });

    test('a participant may be seen any number of times', async () => {
      const id = 'BBBBBBBBBBBBBBBBBBBBBB' as ParticipantId;
      await repository.seeParticipant(id, new Uint8Array(32));
      await expect(repository.seeParticipant(id, new Uint8Array(32))).resolves.toBeUndefined();
    });
  });
}
