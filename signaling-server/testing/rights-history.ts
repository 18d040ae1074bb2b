import { randomBytes } from 'node:crypto';
import type { PgTable } from 'drizzle-orm/pg-core';
import { parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { layoutOf, makeModel } from '../../shared/update/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { type Caller, SYSTEM } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { readBlob } from '../storage/blob-store.ts';
import type { Database } from '../storage/database.ts';
import type { Repository } from '../storage/repository.ts';
import * as schema from '../storage/schema.ts';

export const ALICE = 'AAAAAAAAAAAAAAAAAAAAAA' as ParticipantId;
export const BOB = 'BBBBBBBBBBBBBBBBBBBBBA' as ParticipantId;
const layout = layoutOf([{ name: 'w', shape: [2] }]);

export function callerAs(participant: ParticipantId): Caller {
  return {
    principal: {
      ...SYSTEM.principal,
      kind: 'participant',
      role: 'participant',
      name: `participant:${participant}`,
      participant,
    },
    origin: { address: '127.0.0.1', requestId: 'r-1' },
  };
}

export interface History {
  readonly run: string;
  readonly federation: string;
  /** File of the round that both took part in, and of one with Bob alone. */
  readonly sharedTranscript: string;
  readonly otherTranscript: string;
}

/**
 * A database in which Alice is named wherever a participant can be, by the parts of the server that write there, where they exist. Bob was in
 * the same rounds.
 */
export async function writeHistory(
  database: Database,
  repository: Repository,
  audit: AuditLog,
): Promise<History> {
  const document = parseFederation(sampleFederations[0]!);
  await repository.putFederation(document);
  const federation = document.id;
  const { id: run } = await repository.startRun(document);

  const recordOf = (
    round: number,
    survivors: ParticipantId[],
    dropped: ParticipantId[] = [],
  ): RoundRecord => ({
    round,
    term: 1,
    attempt: 0,
    coordinator: round === 2 ? ALICE : 'server',
    federationRevision: document.revision,
    baseHash: 'a'.repeat(64),
    hash: String(round).repeat(64),
    survivors,
    dropped,
    startedAtMs: 1000 * round,
    trainMs: 1,
    exchangeMs: 1,
    applyMs: 1,
    evaluation: { correct: 1, total: 2, lossSum: 1 },
    secure: null,
  });
  const rounds = [recordOf(1, [BOB]), recordOf(2, [ALICE, BOB]), recordOf(3, [BOB], [ALICE])];
  for (const record of rounds) {
    await repository.saveRecord(run, record);
    await repository.saveModel(run, makeModel(record.round, layout, new Float32Array([record.round, 0])));
    await repository.noteReleases(
      federation,
      record.hash,
      new Map(
        record.survivors.map((participant) => [
          participant,
          {
            dataset: participant,
            federation,
            run,
            round: record.round,
            atMs: 1,
            event: { mechanism: 'none', released: 'update', clipNorm: 1, weight: 1 } as const,
          },
        ]),
      ),
    );
    const participants = [ALICE, BOB].map((participant) => ({
      participant,
      outcome: record.survivors.includes(participant) ? ('survived' as const) : ('dropped-out' as const),
      code: undefined,
      trained: true,
      uploaded: true,
      trainMs: 5,
    }));
    await repository.noteAttempt(federation, run, {
      attempt: { term: 1, round: record.round, attempt: 0 },
      participants,
    });
  }
  await repository.saveTranscript(run, 1, new TextEncoder().encode(`signed by ${BOB}`));
  await repository.saveTranscript(run, 2, new TextEncoder().encode(`signed by ${ALICE} and ${BOB}`));
  const [other, shared] = [await repository.findTranscript(run, 1), await repository.findTranscript(run, 2)];

  for (const participant of [ALICE, BOB]) {
    const principal = `participant:${participant}`;
    const id = participant.slice(0, 3);
    await repository.seeParticipant(participant, new Uint8Array(randomBytes(32)));
    await repository.block(participant, 'asked to');
    await repository.clear(participant, 'blocked');
    await repository.appendLedger({
      dataset: participant,
      federation,
      run,
      round: 1,
      atMs: 1,
      event: { mechanism: 'none', released: 'local-metrics' },
    });
    const subjects = [
      { kind: 'participant', id: participant },
      { kind: 'user', id: principal },
    ] as const;
    await repository.appendBudgetEntries(
      subjects.map((subject) => ({
        subject,
        link: {
          seq: 0,
          previousHash: '0'.repeat(64),
          hash: '1'.repeat(64),
          entry: { type: 'limit', atMs: 1, limit: { epsilon: 1, delta: 1e-5 } },
        },
      })),
    );
    const rows: readonly (readonly [PgTable, Record<string, unknown>])[] = [
      [
        schema.trainings,
        {
          id,
          jobName: `for ${participant}`,
          federation: `${federation}-${id}`,
          run,
          status: 'RUNNING',
          config: { note: principal },
          clients: [ALICE, BOB],
          reason: principal,
          createdBy: principal,
          createdAtMs: 1,
          updatedAtMs: 1,
        },
      ],
      [schema.idempotencyKeys, { principal, key: 'k', request: 'r', createdAtMs: 1 }],
      [
        schema.switches,
        { name: `drain-${id}`, isOn: false, reason: principal, setBy: principal, setAtMs: 1 },
      ],
      [
        schema.federationSettings,
        {
          federation: `${federation}-${id}`,
          admission: 'open',
          control: 'open',
          owner: principal,
          updatedAtMs: 1,
        },
      ],
      [
        schema.apiKeys,
        {
          id,
          name: `of ${participant}`,
          hash: id,
          kind: 'key',
          role: 'participant',
          scopes: [],
          user: principal,
          createdBy: principal,
          createdAtMs: 1,
        },
      ],
      [
        schema.invitations,
        {
          id,
          federation,
          label: `for ${participant}`,
          maxUses: 1,
          createdBy: principal,
          createdAtMs: 1,
          expiresAtMs: 2,
        },
      ],
      [
        schema.members,
        { federation, participant, via: `key:${participant}`, joinedAtMs: 1, lastSeenAtMs: 2 },
      ],
      [schema.consents, { federation, participant, policy: 'c'.repeat(64), givenAtMs: 1 }],
      [
        schema.alerts,
        {
          id,
          kind: 'budget-near',
          severity: 'info',
          fingerprint: `budget-near/participant/${participant}`,
          summary: `About ${participant}.`,
          startedAtMs: 1,
          resolvedAtMs: 2,
          acknowledgedBy: principal,
        },
      ],
      [schema.silences, { id, untilMs: 1, reason: principal, createdBy: principal }],
      [
        schema.promotions,
        { federation, run, version: 1, hash: 'h', promotedBy: principal, atMs: id === 'AAA' ? 1 : 2 },
      ],
      [
        schema.incidents,
        { id, openedAtMs: 1, openedBy: principal, reason: principal, report: { about: [participant] } },
      ],
    ];
    for (const [table, values] of rows) await database.run((db) => db.insert(table).values(values));
    await audit.append(callerAs(participant), {
      action: 'model.downloaded',
      subject: `participant:${participant}`,
      before: { participant },
      after: { clients: [participant] },
    });
  }
  // The file is what it says: a later check of what is left begins from here.
  await readBlob(repository.blobs, shared.blob);
  return { run, federation, sharedTranscript: shared.blob, otherTranscript: other.blob };
}
