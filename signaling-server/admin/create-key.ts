import { accessRepository } from '../access/access-repository.ts';
import { type AccessKey, createAccessService, type NewKey } from '../access/access-service.ts';
import { createAuthorize } from '../access/authority.ts';
import { LOCAL_OPERATOR } from './local-operator.ts';
import type { Storage } from './open-storage.ts';
import { passed, type Report, reportOf } from './report.ts';

export interface MadeKey {
  readonly report: Report;
  /** For whoever asked, this once: it is in no report, which may be kept. */
  readonly secret: string;
}

/** Makes a key in the database itself, for whoever has lost the last one. @throws `argument.invalid`, `http.forbidden`. */
export async function createKey(
  { database, identity, audit }: Storage,
  order: NewKey,
  nowMs: number,
): Promise<MadeKey> {
  const repository = accessRepository(database);
  const service = createAccessService({
    repository,
    authorize: createAuthorize({ settingsOf: repository.readSettings, isMember: repository.hasUser }),
    audit,
    identity,
    nowMs: () => nowMs,
    onRemoved: () => undefined,
  });
  const { key, secret } = await service.createKey(LOCAL_OPERATOR, order);
  return { report: keyReport(key, nowMs), secret };
}

export function keyReport(
  { id, role, expiresAtMs }: Pick<AccessKey, 'id' | 'role' | 'expiresAtMs'>,
  nowMs: number,
): Report {
  const until = expiresAtMs === null ? 'until it is revoked' : `until ${new Date(expiresAtMs).toISOString()}`;
  return reportOf('create-key', nowMs, [passed('key', `${id}, of role ${role}, is good ${until}.`)], { id });
}
