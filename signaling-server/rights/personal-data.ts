import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import * as schema from '../storage/schema.ts';

/** Where in a row a participant can be named. */
export interface Place {
  readonly column: PgColumn;
  /** `id`: the column is the id. `within`: the id is somewhere in the text or document, such as `participant:ID`. */
  readonly holds: 'id' | 'within';
}

interface Declared {
  readonly table: PgTable;
  /** What a row says, for whoever reads an export or the record of processing. */
  readonly says: string;
  /** Where it can name an account, as a whole text; and what becomes of that when the account is deleted: rights/accounts.ts. */
  readonly accounts?: {
    /** They hold names of principals: `user:iss#sub`. */
    readonly principals?: readonly PgColumn[];
    /** They hold the name of the account, or what its budget is kept under. */
    readonly users?: readonly PgColumn[];
    /** Rows of others, such as departments, can hold the same text. */
    readonly only?: SQL;
    readonly onDeletion: 'delete' | 'pseudonymize' | 'keep';
  };
}

/** What the server keeps of participants, table by table, and what becomes of it when one is deleted. */
export type PersonalTable =
  | (Declared & {
      readonly places: readonly Place[];
      /** `rechain`: as `pseudonymize`, where rows are a chain of hashes that has to be made anew. */
      readonly onDeletion: 'delete' | 'pseudonymize' | 'rechain';
      /** Why it goes, or why what is left of it stays. */
      readonly ground: string;
      /** What of a row is about the participant; the whole row where it is left out. */
      readonly tell?: (row: Row, participant: string) => Row;
    })
  | (Declared & {
      readonly places: 'by-pseudonym' | 'by-hash' | 'through-rounds';
      readonly onDeletion: 'keep' | 'delete';
      readonly ground: string;
    })
  | (Declared & { readonly places: 'none'; readonly why: string });

export type Row = Readonly<Record<string, unknown>>;

const id = (column: PgColumn): Place => ({ column, holds: 'id' });
const within = (column: PgColumn): Place => ({ column, holds: 'within' });

const PURPOSE_ENDED = 'It serves only to let this participant take part, which has ended: Article 17(1)(a).';
const ACTED = 'That something was done stays; who did it is replaced by a name that means nobody.';

/**
 * Every table of the database, in the order in which a deletion goes through them: first what others are found by last. A test
 * walks the schema and fails where a table is missing, or an id is found where no place is declared. SPEC V-08.
 */
export const PERSONAL_DATA: readonly PersonalTable[] = [
  {
    table: schema.transcripts,
    says: 'Signed messages of a secure round, in which those who took part are named.',
    places: 'through-rounds',
    onDeletion: 'delete',
    ground:
      'Signatures over names cannot be pseudonymized: the files of rounds that it may be named in are dropped, for everybody.',
  },
  {
    table: schema.rounds,
    says: 'A round of training: whose updates are in the model, and who dropped out.',
    places: [within(schema.rounds.record)],
    onDeletion: 'pseudonymize',
    ground:
      'How many took part shows what the model is made of, and what others spent of their budgets: Article 17(3)(d).',
    tell: tellRound,
  },
  {
    table: schema.releases,
    says: 'What left the device in a round, as a privacy accountant reads it: no data.',
    places: [id(schema.releases.participant), within(schema.releases.entry)],
    onDeletion: 'rechain',
    ground:
      'The privacy budget of the federation protects others too: what was spent of it stays counted, of nobody in particular.',
  },
  {
    table: schema.ledgerEvents,
    says: 'A release noted by this server as a node of a run.',
    places: [within(schema.ledgerEvents.entry), id(schema.ledgerEvents.dataset)],
    onDeletion: 'delete',
    ground: PURPOSE_ENDED,
  },
  {
    table: schema.budgetEntries,
    accounts: { users: [schema.budgetEntries.subject], only: sql`kind = 'user'`, onDeletion: 'delete' },
    says: 'Its own privacy budget, and what its queries were charged: limits and charges.',
    // As a user it is `participant:ID`.
    places: [within(schema.budgetEntries.subject)],
    onDeletion: 'delete',
    ground: PURPOSE_ENDED,
  },
  {
    table: schema.reliability,
    says: 'How it kept appointments: invitations, updates sent, deadlines missed, lost connections, reputation.',
    places: [id(schema.reliability.participant)],
    onDeletion: 'delete',
    ground: PURPOSE_ENDED,
  },
  {
    table: schema.standings,
    says: 'Why it may not take part, and until when.',
    places: [id(schema.standings.participant)],
    onDeletion: 'delete',
    ground: 'Whoever is deleted is kept out by a hash of its id; the reason is not needed for that.',
  },
  {
    table: schema.trainings,
    accounts: { principals: [schema.trainings.createdBy], onDeletion: 'pseudonymize' },
    says: 'An order to train that names who may take part.',
    places: [
      within(schema.trainings.clients),
      within(schema.trainings.config),
      within(schema.trainings.createdBy),
      within(schema.trainings.jobName),
      within(schema.trainings.reason),
    ],
    onDeletion: 'pseudonymize',
    ground: ACTED,
    tell: tellTraining,
  },
  {
    table: schema.idempotencyKeys,
    accounts: { principals: [schema.idempotencyKeys.principal], onDeletion: 'delete' },
    says: 'A request that was answered, kept so that it is not carried out twice.',
    places: [within(schema.idempotencyKeys.principal)],
    onDeletion: 'delete',
    ground: PURPOSE_ENDED,
  },
  {
    table: schema.members,
    accounts: { users: [schema.members.user], onDeletion: 'pseudonymize' },
    says: 'Which federations it was admitted to, by what, for which user and department.',
    places: [id(schema.members.participant), within(schema.members.via)],
    onDeletion: 'delete',
    ground: PURPOSE_ENDED,
  },
  {
    table: schema.consents,
    says: 'That it agreed to terms, to which and when, and when it withdrew.',
    places: [id(schema.consents.participant)],
    onDeletion: 'pseudonymize',
    ground:
      'That rounds were held with consent must be shown: Articles 7(1) and 17(3)(e). Whose it was does not.',
  },
  {
    table: schema.federationSettings,
    accounts: { principals: [schema.federationSettings.owner], onDeletion: 'pseudonymize' },
    says: 'Who may take part in a federation, and who created it.',
    places: [within(schema.federationSettings.owner)],
    onDeletion: 'pseudonymize',
    ground: ACTED,
  },
  {
    table: schema.switches,
    accounts: { principals: [schema.switches.setBy], onDeletion: 'pseudonymize' },
    says: 'A switch of the whole server, and who set it.',
    places: [within(schema.switches.setBy), within(schema.switches.reason)],
    onDeletion: 'pseudonymize',
    ground: ACTED,
  },
  {
    table: schema.apiKeys,
    accounts: {
      principals: [schema.apiKeys.createdBy],
      users: [schema.apiKeys.user],
      onDeletion: 'pseudonymize',
    },
    says: 'A key to the API, who made it and for whom.',
    places: [within(schema.apiKeys.createdBy), within(schema.apiKeys.name), within(schema.apiKeys.user)],
    onDeletion: 'pseudonymize',
    ground: ACTED,
  },
  {
    table: schema.invitations,
    accounts: { principals: [schema.invitations.createdBy], onDeletion: 'pseudonymize' },
    says: 'An invitation, and who made it.',
    places: [within(schema.invitations.createdBy), within(schema.invitations.label)],
    onDeletion: 'pseudonymize',
    ground: ACTED,
  },
  {
    table: schema.alerts,
    accounts: { principals: [schema.alerts.acknowledgedBy], onDeletion: 'pseudonymize' },
    says: 'A condition that somebody was woken for.',
    places: [
      within(schema.alerts.fingerprint),
      within(schema.alerts.summary),
      within(schema.alerts.acknowledgedBy),
    ],
    onDeletion: 'pseudonymize',
    ground: ACTED,
  },
  {
    table: schema.silences,
    accounts: { principals: [schema.silences.createdBy], onDeletion: 'pseudonymize' },
    says: 'Alerts that are not told of for a while, and who decided so.',
    places: [within(schema.silences.createdBy), within(schema.silences.reason)],
    onDeletion: 'pseudonymize',
    ground: ACTED,
  },
  {
    table: schema.promotions,
    accounts: { principals: [schema.promotions.promotedBy], onDeletion: 'pseudonymize' },
    says: 'A version that was offered as the one to use, and who decided so.',
    places: [within(schema.promotions.promotedBy)],
    onDeletion: 'pseudonymize',
    ground: ACTED,
  },
  {
    table: schema.incidents,
    accounts: { principals: [schema.incidents.openedBy], onDeletion: 'pseudonymize' },
    says: 'The report of an incident.',
    places: [
      within(schema.incidents.openedBy),
      within(schema.incidents.reason),
      within(schema.incidents.report),
    ],
    onDeletion: 'pseudonymize',
    ground:
      'Incidents are documented: Article 33(5). Whom one concerned is replaced by a name that means nobody.',
  },
  {
    table: schema.participants,
    says: 'Its public key, and when it was first and last seen.',
    places: [id(schema.participants.id)],
    onDeletion: 'delete',
    ground: PURPOSE_ENDED,
  },
  {
    table: schema.pseudonymKeys,
    accounts: { users: [schema.pseudonymKeys.participant], onDeletion: 'delete' },
    says: 'The key that links it to its name in the audit log. The export gives the name.',
    places: [id(schema.pseudonymKeys.participant)],
    onDeletion: 'delete',
    ground: 'Without it nobody can tell whom the name meant.',
    tell: ({ participant }) => ({ participant }),
  },
  {
    table: schema.auditEntries,
    accounts: { principals: [schema.auditEntries.actor, schema.auditEntries.subject], onDeletion: 'keep' },
    says: 'What was done by it or to it, under the name that the audit log has for it.',
    places: 'by-pseudonym',
    onDeletion: 'keep',
    ground:
      'What was done must be shown: Articles 5(2) and 17(3)(b) and (e). The key of its name is deleted, so that the entries are nobody’s.',
  },
  {
    table: schema.erasures,
    says: 'That a deletion was carried out, and what it came to. While it is under way it names whom it is for.',
    places: [within(schema.erasures.effect)],
    onDeletion: 'pseudonymize',
    ground: 'That the right was granted must be shown: Article 5(2).',
  },
  {
    table: schema.erasedParticipants,
    says: 'A salted hash by which whoever was deleted is recognized when it comes back.',
    places: 'by-hash',
    onDeletion: 'keep',
    ground: 'It was asked not to be taken in again: this is what that takes.',
  },
  {
    table: schema.federations,
    says: 'Documents of federations.',
    places: 'none',
    why: 'They describe training, and name nobody.',
  },
  { table: schema.runs, says: 'Executions of federations.', places: 'none', why: 'They name nobody.' },
  {
    table: schema.modelVersions,
    says: 'Shared models.',
    places: 'none',
    why: 'A model is a sum over many; which versions somebody is in is told by the rounds.',
  },
  { table: schema.metrics, says: 'Accuracy and loss of models.', places: 'none', why: 'They are of models.' },
  {
    table: schema.serverIdentity,
    says: 'What the server signs with.',
    places: 'none',
    why: 'It is of the server.',
  },
  {
    table: schema.auditCheckpoints,
    says: 'Signatures over the audit log.',
    places: 'none',
    why: 'They are hashes.',
  },
  {
    table: schema.feedCursors,
    says: 'How far the audit log was sent.',
    places: 'none',
    why: 'It is a number.',
  },
  {
    table: schema.webhooks,
    says: 'Where alerts are sent.',
    places: 'none',
    why: 'They are addresses of services.',
  },
];

/** Of the others that took part only how many: who they are is their own data (Article 20(4)). */
function tellRound(row: Row, participant: string): Row {
  const { record, ...rest } = row as { record: Record<string, unknown> };
  const { survivors, dropped, coordinator, ...facts } = record as {
    survivors: readonly string[];
    dropped: readonly string[];
    coordinator: string;
  };
  return {
    ...rest,
    record: {
      ...facts,
      updateIsInTheModel: survivors.includes(participant),
      droppedOut: dropped.includes(participant),
      coordinated: coordinator === participant,
      participants: survivors.length,
    },
  };
}

/** What others ordered in it is theirs, but that it is meant. */
function tellTraining(row: Row, participant: string): Row {
  const { clients, config, reason, job_name, created_by, ...rest } = row;
  const isOwn = (value: unknown): boolean => JSON.stringify(value ?? null).includes(participant);
  const own = Object.entries({ config, reason, job_name, created_by }).filter(([, value]) => isOwn(value));
  const named = clients as readonly string[];
  return {
    ...rest,
    ...Object.fromEntries(own),
    clients: named.filter((client) => client === participant),
    clientsInAll: named.length,
  };
}
