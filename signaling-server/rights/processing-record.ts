import { type Federation, policyHash } from '../../shared/federation/index.ts';
import { protectionOf } from './contributions.ts';
import { tableNameOf } from './mentions.ts';
import { PERSONAL_DATA } from './personal-data.ts';
import type { RetentionPeriods } from './retention-periods.ts';

/** What of the configuration a record of processing is about. */
export interface ProcessingFacts {
  readonly organisation: string | undefined;
  readonly contact: string | undefined;
  /** Where participants reach it; undefined: by its own address only. */
  readonly publicOrigin: string | undefined;
  readonly database: 'pglite' | 'postgres';
  readonly blobs: 'files' | 's3';
  /** Host of the receiver of the audit log. */
  readonly siemHost: string | undefined;
  readonly turnHosts: readonly string[];
  readonly retention: RetentionPeriods;
  readonly hasAccounts: boolean;
}

export interface FederationFacts {
  readonly document: Federation;
  readonly admission: 'open' | 'invitation' | 'members';
  readonly participants: number;
}

/** Records of processing activities (Article 30(1)), from what the server really does. */
export interface ProcessingRecord {
  readonly schema: 'murmuration processing record 1';
  readonly generatedAtMs: number;
  readonly controller: { readonly name: string; readonly contact: string };
  readonly activities: readonly ProcessingActivity[];
  readonly personalData: readonly {
    readonly table: string;
    readonly says: string;
    readonly onDeletion: string;
  }[];
  readonly recipients: readonly string[];
  readonly transfers: string;
  readonly retention: readonly { readonly what: string; readonly days: number | null }[];
  readonly measures: readonly string[];
}

export interface ProcessingActivity {
  readonly federation: string;
  readonly purpose: string;
  readonly policy: string;
  readonly dataSubjects: string;
  /** Of what is on the devices and never leaves them. */
  readonly categories: readonly string[];
  readonly leavesTheDevice: string;
  readonly admission: string;
  readonly protection: string;
  readonly budget: string;
}

const UNSET = 'not set: set ORGANISATION and CONTACT';

export function processingRecord(
  facts: ProcessingFacts,
  federations: readonly FederationFacts[],
  nowMs: number,
): ProcessingRecord {
  return {
    schema: 'murmuration processing record 1',
    generatedAtMs: nowMs,
    controller: { name: facts.organisation ?? UNSET, contact: facts.contact ?? UNSET },
    activities: federations.map(activityOf),
    personalData: PERSONAL_DATA.flatMap((table) =>
      table.places === 'none'
        ? []
        : [
            {
              table: tableNameOf(table),
              says: table.says,
              onDeletion: `${table.onDeletion}. ${table.ground}`,
            },
          ],
    ),
    recipients: [
      'Other participants of the same federation: ids, public keys, addresses of the network while connected, the history of rounds, models.',
      'Those who run this server.',
      ...(facts.siemHost === undefined ? [] : [`${facts.siemHost}: the audit log, under pseudonyms.`]),
      ...facts.turnHosts.map(
        (host) => `${host}: encrypted traffic between participants, with their addresses.`,
      ),
    ],
    transfers:
      'Participants receive models wherever they are. Where this server, its database and its receivers stand is for the controller to state.',
    retention: RETAINED.map(([what, name]) => ({
      what,
      days: facts.retention[name] === 0 ? null : facts.retention[name],
    })),
    measures: measuresOf(facts, federations),
  };
}

const RETAINED: readonly (readonly [string, keyof RetentionPeriods])[] = [
  ['Metrics of runs that are over', 'metrics'],
  ['Records of rounds of runs that are over', 'records'],
  ['Transcripts of secure rounds', 'transcripts'],
  ['Audit log', 'audit'],
  ['Participants since they were last seen', 'inactiveParticipants'],
  ['Alerts since they were resolved', 'alerts'],
  ['Keys of requests that are not carried out twice', 'requests'],
];

function activityOf({ document, admission, participants }: FederationFacts): ProcessingActivity {
  const { id, name, privacy, data } = document;
  const { budget } = privacy;
  return {
    federation: id,
    purpose: `Training a shared model: ${name}`,
    policy: policyHash(document),
    dataSubjects: `Those whose records are on the devices of participants (${participants} participants known), and participants themselves.`,
    categories: categoriesOf(data),
    leavesTheDevice:
      privacy.secureAggregation === 'secagg'
        ? 'Masked updates: only sums of them can be read.'
        : 'Updates: what a model learned from the records of a device.',
    admission: { open: 'Everybody', invitation: 'Those who were invited', members: 'Members' }[admission],
    protection: protectionOf(privacy),
    budget:
      budget === undefined
        ? 'none'
        : `epsilon at most ${budget.epsilon} at delta ${budget.delta}, for each participant`,
  };
}

function categoriesOf(data: Federation['data']): readonly string[] {
  switch (data.kind) {
    case 'image':
      return [`Images of ${data.width} by ${data.height} points, ${data.labels.length} labels`];
    case 'tokens':
      return ['Text'];
    case 'records':
      return ['Records of numbers, named by nobody'];
    case 'tabular':
      return data.columns.map(({ name }) => `Column "${name}"`);
  }
}

function measuresOf(facts: ProcessingFacts, federations: readonly FederationFacts[]): string[] {
  const secure = federations.filter(({ document }) => document.privacy.secureAggregation === 'secagg').length;
  const noisy = federations.filter(
    ({ document: { privacy } }) => privacy.participant !== undefined || privacy.record !== undefined,
  ).length;
  return [
    'Records stay on the devices of participants.',
    `Secure aggregation in ${secure} of ${federations.length} federations.`,
    `Differential privacy in ${noisy} of ${federations.length} federations.`,
    'The audit log is chained by hashes and signed; participants stand in it under pseudonyms.',
    facts.publicOrigin?.startsWith('https:') === true
      ? 'Connections are encrypted (HTTPS).'
      : 'Connections are NOT known to be encrypted: PUBLIC_ORIGIN is not an https address.',
    facts.hasAccounts
      ? 'Orders need a key or a token with the authority for it.'
      : 'Nobody can give orders: there is no operator key.',
    facts.database === 'pglite'
      ? 'The database is files in the data folder: encryption at rest is that of the disk, if any.'
      : 'The database is PostgreSQL: encryption at rest is that of its disks, if any.',
    facts.blobs === 's3' ? 'Models are in an S3-compatible store.' : 'Models are files in the data folder.',
  ];
}

/** The same as a page to print. */
export function processingMarkdown(record: ProcessingRecord): string {
  const { controller, activities, personalData, recipients, retention, measures } = record;
  const list = (items: readonly string[]): string[] => items.map((item) => `- ${inline(item)}`);
  return [
    '# Records of processing activities (Article 30 GDPR)',
    '',
    `Generated ${new Date(record.generatedAtMs).toISOString()} from the configuration of this server.`,
    '',
    `- Controller: ${inline(controller.name)}`,
    `- Contact: ${inline(controller.contact)}`,
    '',
    '## Activities',
    ...activities.flatMap((activity) => [
      '',
      `### ${inline(activity.federation)}`,
      '',
      ...list([
        `Purpose: ${activity.purpose}`,
        `Data subjects: ${activity.dataSubjects}`,
        `Categories of data, which stay on the devices: ${activity.categories.join('; ')}`,
        `What leaves the device: ${activity.leavesTheDevice}`,
        `Who may take part: ${activity.admission}`,
        `Protection: ${activity.protection}`,
        `Privacy budget: ${activity.budget}`,
        `Terms: ${activity.policy}`,
      ]),
    ]),
    '',
    '## What the server keeps of participants',
    '',
    '| Table | What it says | On deletion |',
    '|---|---|---|',
    ...personalData.map(
      ({ table, says, onDeletion }) => `| ${table} | ${inline(says)} | ${inline(onDeletion)} |`,
    ),
    '',
    '## Recipients',
    '',
    ...list(recipients),
    '',
    `Transfers: ${record.transfers}`,
    '',
    '## Retention',
    '',
    ...retention.map(({ what, days }) => `- ${what}: ${days === null ? 'for ever' : `${days} days`}`),
    '',
    '## Security measures',
    '',
    ...list(measures),
    '',
  ].join('\n');
}

/** Names come from whoever posted a federation: they must not become structure. */
function inline(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_<>[\]|#]/g, (character) => `\\${character}`);
}
