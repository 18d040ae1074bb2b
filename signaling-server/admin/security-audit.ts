import { stat } from 'node:fs/promises';
import { sql } from 'drizzle-orm';
import { type ApiKeyRow, accessRepository } from '../access/access-repository.ts';
import type { ServerConfig } from '../config.ts';
import { readCertificates } from '../observe/certificates.ts';
import { execute } from '../rights/mentions.ts';
import { fault } from './health-check.ts';
import type { Storage } from './open-storage.ts';
import { type Check, failed, passed, type Report, reportOf, warned } from './report.ts';
import { auditCheck } from './verify-audit.ts';

const DAY_MS = 24 * 3600_000;
const SOON_MS = 14 * DAY_MS;
const UNUSED_MS = 90 * DAY_MS;
const PAGE = 500;
const NAMED = 5;

export type SecurityConfig = Pick<
  ServerConfig,
  | 'dataDir'
  | 'databaseUrl'
  | 'host'
  | 'publicOrigin'
  | 'trustProxy'
  | 'operatorKey'
  | 'metricsPublic'
  | 'tlsCertFile'
>;

/** Settings, keys and files that let somebody in who should not be, or soon will not let in those who should. */
export async function securityAudit(
  storage: Storage,
  config: SecurityConfig,
  nowMs: number,
): Promise<Report> {
  return reportOf('security-audit', nowMs, [
    originCheck(config),
    proxyCheck(config),
    operatorKeyCheck(config),
    metricsCheck(config),
    databaseLinkCheck(config),
    await folderCheck(config.dataDir),
    ...keyChecks(await allKeys(storage), nowMs),
    await openFederations(storage),
    await certificateCheck(storage, config, nowMs),
    await auditCheck(storage),
  ]);
}

function originCheck({ publicOrigin, host }: SecurityConfig): Check {
  const isLocal = /^(127\.|localhost$|::1$)/.test(host);
  if (publicOrigin === undefined)
    return isLocal
      ? passed('origin', 'The server is reached from this machine only.')
      : warned(
          'origin',
          'The server listens to other machines without PUBLIC_ORIGIN: keys travel as they are.',
        );
  return publicOrigin.startsWith('https:')
    ? passed('origin', 'Participants come over HTTPS.')
    : failed(
        'origin',
        'PUBLIC_ORIGIN is http: keys and tokens can be read on their way, and browsers give no cryptography.',
      );
}

function proxyCheck({ trustProxy, publicOrigin }: SecurityConfig): Check {
  if (trustProxy && publicOrigin === undefined)
    return warned(
      'proxy',
      'TRUST_PROXY is set without PUBLIC_ORIGIN: without a proxy in front, anybody chooses the address it is counted by.',
    );
  if (!trustProxy && publicOrigin?.startsWith('https:'))
    return warned(
      'proxy',
      'A proxy seems to be in front, but TRUST_PROXY is not set: all who come through it share one rate limit.',
    );
  return passed(
    'proxy',
    trustProxy ? 'The proxy in front is trusted for addresses.' : 'Addresses are taken from connections.',
  );
}

function operatorKeyCheck({ operatorKey }: SecurityConfig): Check {
  return operatorKey === undefined
    ? passed('OPERATOR_KEY', 'Not set: keys are in the database, where they can be revoked.')
    : warned(
        'OPERATOR_KEY',
        'Set: it never expires, and who used it is not told apart. Prefer `admin -- create-key`.',
      );
}

function metricsCheck({ metricsPublic }: SecurityConfig): Check {
  return metricsPublic
    ? warned('metrics', 'METRICS_PUBLIC is set: whoever reaches the server reads its numbers.')
    : passed('metrics', 'Read from this machine, or with a key.');
}

function databaseLinkCheck({ databaseUrl }: SecurityConfig): Check {
  if (databaseUrl === undefined) return passed('database link', 'The database is in the data folder.');
  const url = new URL(databaseUrl);
  const isLocal =
    ['', 'localhost', '127.0.0.1', '[::1]'].includes(url.hostname) || url.searchParams.has('host');
  return isLocal || /^(require|verify-ca|verify-full)$/.test(url.searchParams.get('sslmode') ?? '')
    ? passed('database link', 'It is local, or encrypted.')
    : warned('database link', 'DATABASE_URL goes to another machine without sslmode=require.');
}

async function folderCheck(dataDir: string): Promise<Check> {
  try {
    const { mode } = await stat(dataDir);
    const others = mode & 0o077;
    return others === 0
      ? passed('data folder', 'Only its owner can open it.')
      : (others & 0o007) === 0
        ? warned('data folder', `Its group can open it: mode ${(mode & 0o777).toString(8)}.`)
        : failed(
            'data folder',
            `Every account of this machine can open it: mode ${(mode & 0o777).toString(8)}; chmod 700.`,
          );
  } catch (thrown) {
    return fault('data folder', thrown);
  }
}

async function allKeys({ database }: Storage): Promise<ApiKeyRow[]> {
  const access = accessRepository(database);
  const all: ApiKeyRow[] = [];
  while (true) {
    const page = await access.listKeys({ after: all.at(-1)?.id, limit: PAGE });
    all.push(...page);
    if (page.length < PAGE) return all;
  }
}

function keyChecks(all: readonly ApiKeyRow[], nowMs: number): Check[] {
  const good = all.filter(
    ({ revokedAtMs, expiresAtMs }) => revokedAtMs === null && (expiresAtMs ?? Infinity) > nowMs,
  );
  const usedAtMs = ({ lastUsedAtMs, createdAtMs }: ApiKeyRow) => lastUsedAtMs ?? createdAtMs;
  return [
    listed(
      'keys about to expire',
      good.filter(({ expiresAtMs }) => (expiresAtMs ?? Infinity) < nowMs + SOON_MS),
    ),
    listed(
      'keys that never expire',
      good.filter(({ expiresAtMs, kind }) => expiresAtMs === null && kind === 'key'),
    ),
    listed(
      'keys not used for 90 days',
      good.filter((key) => usedAtMs(key) < nowMs - UNUSED_MS),
    ),
    listed(
      'operators beyond two',
      good.filter(({ role, federation }) => role === 'operator' && federation === null).slice(2),
    ),
  ];
}

function listed(name: string, keys: readonly ApiKeyRow[]): Check {
  if (keys.length === 0) return passed(name, 'None.');
  const ids = keys.slice(0, NAMED).map(({ id, kind }) => `${kind} ${id}`);
  return warned(name, `${keys.length}: ${ids.join(', ')}${keys.length > NAMED ? ', …' : ''}.`);
}

async function openFederations({ database }: Storage): Promise<Check> {
  const rows = await execute(
    database,
    sql`select f.id from federations f left join federation_settings s on s.federation = f.id
      where coalesce(s.admission, 'open') = 'open' order by f.id`,
  );
  if (rows.length === 0) return passed('open federations', 'None: everybody is admitted by somebody.');
  const ids = rows.slice(0, NAMED).map(([id]) => String(id));
  return warned(
    'open federations',
    `Whoever reaches the server may take part in ${rows.length}: ${ids.join(', ')}${rows.length > NAMED ? ', …' : ''}.`,
  );
}

async function certificateCheck(
  { database }: Storage,
  { tlsCertFile }: SecurityConfig,
  nowMs: number,
): Promise<Check> {
  try {
    const certificates = await readCertificates(tlsCertFile, database, nowMs);
    const over = certificates.filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
    const soon = certificates.filter(
      ({ expiresAtMs }) => expiresAtMs > nowMs && expiresAtMs < nowMs + SOON_MS,
    );
    const said = [...over, ...soon].map(
      ({ name, expiresAtMs }) => `${name} until ${new Date(expiresAtMs).toISOString().slice(0, 10)}`,
    );
    if (over.length > 0) return failed('certificates', `Expired or about to: ${said.join(', ')}.`);
    if (soon.length > 0) return warned('certificates', `About to expire: ${said.join(', ')}.`);
    return passed('certificates', `${certificates.length} are good for 14 days and more.`);
  } catch (thrown) {
    return fault('certificates', thrown);
  }
}
