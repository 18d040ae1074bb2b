import type { Logger } from 'pino';
import { check } from '../../shared/errors/index.ts';
import type { Role } from '../access/permission.ts';
import type { ServerConfig } from '../config.ts';
import { openBlobStore } from '../storage/open-blob-store.ts';
import { type BackupSource, backUp, readState } from './backup.ts';
import type { Carried } from './carry-erasures.ts';
import { complianceCheck } from './compliance-check.ts';
import { createKey } from './create-key.ts';
import { drain } from './drain.ts';
import { eraseAgain } from './erase-again.ts';
import { healthCheck } from './health-check.ts';
import { stateHash as stateHashOf } from './manifest.ts';
import { migrate } from './migrate.ts';
import { openStorage, type Storage } from './open-storage.ts';
import { privacyValidate } from './privacy-validate.ts';
import { type RemoteServer, remoteDrain, remoteHealth, remoteKey } from './remote.ts';
import { type Check, failed, passed, type Report, reportOf, warned } from './report.ts';
import { restore, targetName } from './restore.ts';
import { securityAudit } from './security-audit.ts';
import { openSession } from './sql-session.ts';
import { verifyAudit } from './verify-audit.ts';

export const COMMANDS = [
  'migrate',
  'backup',
  'restore',
  'health-check',
  'privacy-validate',
  'security-audit',
  'compliance-check',
  'verify-audit',
  'create-key',
  'drain',
] as const;
export type Command = (typeof COMMANDS)[number];

export interface CommandOptions {
  /** Of backup and restore. */
  readonly folder?: string | undefined;
  readonly force?: boolean;
  readonly confirm?: string | undefined;
  /** Of restore: a register of erasures, where the database that knew them is gone. */
  readonly erasures?: string | undefined;
  /** Asked instead of the data, where that makes sense. */
  readonly server?: RemoteServer | undefined;
  /** Of drain: rounds may start again. */
  readonly off?: boolean;
  readonly waitMs?: number;
  readonly key?: {
    readonly name: string;
    readonly role: Role;
    readonly federation?: string | undefined;
    readonly department?: string | undefined;
    readonly user?: string | undefined;
    readonly expiresAtMs?: number | undefined;
  };
}

export interface CommandContext {
  readonly config: ServerConfig;
  readonly log: Logger;
  readonly nowMs: number;
}

export interface Outcome {
  readonly report: Report;
  /** Shown once, kept nowhere. */
  readonly secret?: string;
}

const DRAIN_WAIT_MS = 10 * 60_000;

/** @throws by name: `storage.locked` while a server has the data folder, `argument.invalid`, … */
export async function runCommand(
  command: Command,
  options: CommandOptions,
  { config, log, nowMs }: CommandContext,
): Promise<Outcome> {
  const onStorage = async <T>(work: (storage: Storage) => Promise<T>): Promise<T> => {
    const storage = await openStorage(config, log);
    try {
      return await work(storage);
    } finally {
      await storage.close();
    }
  };
  const onSession = async <T>(work: (source: BackupSource) => Promise<T>): Promise<T> => {
    const session = await openSession(config, log);
    try {
      return await work({
        session,
        blobs: openBlobStore(config.dataDir, config.blobPlace),
        dataDir: config.dataDir,
      });
    } finally {
      await session.close();
    }
  };
  const { server } = options;
  switch (command) {
    case 'migrate':
      return { report: await migrate(config, log, nowMs) };
    case 'backup':
      return { report: await onSession((source) => backupReport(source, folderOf(options), nowMs)) };
    case 'restore':
      return { report: await restoreReport(onSession, onStorage, options, config, nowMs) };
    case 'health-check':
      if (server !== undefined) return { report: await remoteHealth(server, nowMs) };
      return { report: await healthCheck(() => openStorage(config, log), config.dataDir, nowMs) };
    case 'privacy-validate':
      return { report: await onStorage((storage) => privacyValidate(storage, config, nowMs)) };
    case 'security-audit':
      return { report: await onStorage((storage) => securityAudit(storage, config, nowMs)) };
    case 'compliance-check':
      return { report: await onStorage((storage) => complianceCheck(storage, factsOf(config), nowMs)) };
    case 'verify-audit':
      return { report: await onStorage((storage) => verifyAudit(storage, nowMs)) };
    case 'create-key': {
      const { key } = options;
      check(key !== undefined, 'argument.invalid', 'A key needs a name and a role.', { path: '--name' });
      if (server !== undefined) return remoteKey(server, key, nowMs);
      return onStorage((storage) => createKey(storage, key, nowMs));
    }
    case 'drain': {
      const on = options.off !== true;
      const waitMs = options.waitMs ?? DRAIN_WAIT_MS;
      if (server !== undefined) return { report: await remoteDrain(server, { on, waitMs, nowMs }) };
      return { report: await onStorage((storage) => drain(storage, on, nowMs)) };
    }
  }
}

async function backupReport(source: BackupSource, folder: string, nowMs: number): Promise<Report> {
  const { tables, blobs, files, schema, stateHash } = await backUp(source, folder, nowMs);
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return reportOf(
    'backup',
    nowMs,
    [
      passed('database', `${rows} rows of ${tables.length} tables at ${schema}.`),
      passed('blobs', `${blobs.length} blobs, each with its checksum; ${files.length} held-out sets.`),
      passed('state', `SHA-256 ${stateHash}`),
    ],
    { folder, schema, stateHash },
  );
}

type On<T> = <R>(work: (target: T) => Promise<R>) => Promise<R>;

async function restoreReport(
  onSession: On<BackupSource>,
  onStorage: On<Storage>,
  options: CommandOptions,
  config: ServerConfig,
  nowMs: number,
): Promise<Report> {
  const restored = await onSession((target) =>
    restore(target, {
      folder: folderOf(options),
      confirmation: options.force === true ? options.confirm : undefined,
      name: targetName(config),
      erasures: options.erasures,
      nowMs,
    }),
  );
  const { manifest, schema, erasures, refusals, isUntold, isAsBackedUp } = restored;
  let { stateHash } = restored;
  if (erasures.registered > 0 || erasures.ordered > 0) {
    await onStorage((storage) =>
      eraseAgain(storage, openBlobStore(config.dataDir, config.blobPlace), erasures),
    );
    stateHash = stateHashOf(await onSession((target) => readState(target)));
  }
  return reportOf(
    'restore',
    nowMs,
    [
      passed(
        'database',
        `All ${manifest.tables.length} tables came out as they were, at ${manifest.schema}.`,
      ),
      schema === manifest.schema
        ? passed('schema', `It is of this version: ${schema}.`)
        : passed('schema', `Migrated to ${schema} after that.`),
      isAsBackedUp
        ? passed('state', `SHA-256 ${stateHash}`)
        : failed('state', `SHA-256 ${stateHash}, other than the backup's ${manifest.stateHash}.`),
      erasuresCheck(erasures, isUntold),
      refusalsCheck(refusals),
    ],
    { schema, stateHash, backupStateHash: manifest.stateHash, erasures, refusals },
  );
}

function refusalsCheck(refusals: Readonly<Record<string, number>>): Check {
  const each = Object.entries(refusals).map(([table, rows]) => `${rows} of ${table}`);
  return passed(
    'refusals',
    each.length === 0
      ? 'Nothing that was revoked, withdrawn or blocked came back.'
      : `What was revoked, withdrawn or blocked since the backup stays so: ${each.join(', ')}.`,
  );
}

function erasuresCheck({ registered, ordered }: Carried, isUntold: boolean): Check {
  if (isUntold)
    return warned(
      'erasures',
      'Whoever was deleted since the backup is back: the database was empty, and no --erasures FILE was given.',
    );
  return passed(
    'erasures',
    `${registered} deletions since the backup stay known; ${ordered} participants that it brought back were deleted again.`,
  );
}

function factsOf(config: ServerConfig) {
  const { organisation, contact, publicOrigin, retention, siem } = config;
  return {
    organisation,
    contact,
    publicOrigin,
    blobs: config.blobPlace === undefined ? ('files' as const) : ('s3' as const),
    siemHost: siem?.kind === 'https' ? new URL(siem.url).host : siem?.host,
    turnHosts: config.ice.turnUrls.map((url) => url.replace(/^turns?:/, '').replace(/[:?].*$/, '')),
    retention,
    hasAccounts: true,
  };
}

function folderOf({ folder }: CommandOptions): string {
  check(folder !== undefined, 'argument.invalid', 'Which folder?', {
    path: 'FOLDER',
    expected: 'the folder of the backup, after the command',
  });
  return folder;
}
