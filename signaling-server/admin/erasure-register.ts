import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { canonicalJson } from '../../shared/federation/index.ts';
import {
  fromBase64Url,
  type Identity,
  isParticipantId,
  toBase64Url,
  verifySignature,
} from '../../shared/identity/index.ts';
import { erasedHash } from '../rights/erased.ts';
import { storedIdentity } from '../storage/identity-repository.ts';
import type { RunSql } from '../storage/schema-version.ts';
import { storageError } from '../storage/storage-error.ts';

const register = z.object({
  format: z.literal('murmuration/erasures'),
  formatVersion: z.literal(1),
  /** Base64url public key of the server whose key the hashes are salted with. */
  server: z.string(),
  entries: z.array(z.object({ hash: z.string().regex(/^[0-9a-f]{64}$/), atMs: z.int() })),
});
const signedRegister = register.extend({ signature: z.string() });

/** Whom a server erased, as salted hashes: rights/erased.ts. */
export type ErasureRegister = z.infer<typeof register>;
export type ErasedEntry = ErasureRegister['entries'][number];

/** Of a backup: kept apart as well, it is what a restore needs where the database is gone. */
export const ERASURES = 'erasures.json';

/** Whom a database knows as erased. */
export interface KnownErased {
  /** Undefined: no server ever ran on it, and nobody was erased. */
  readonly identity: Identity | undefined;
  readonly entries: readonly ErasedEntry[];
  /** Whose deletion is under way. */
  readonly underWay: readonly string[];
}

/** What a database of any version knows: tables that it does not have yet hold nobody. */
export async function readErased(run: RunSql): Promise<KnownErased> {
  const rowsOf = async (table: string, statement: string): Promise<unknown[][]> => {
    const [[exists] = []] = await run('select to_regclass($1) is not null', [table]);
    return exists === true ? run(statement) : [];
  };
  const [[privateKey] = []] = await rowsOf('server_identity', 'select private_key from server_identity');
  const entries = await rowsOf(
    'erased_participants',
    'select hash, at_ms::text from erased_participants order by hash',
  );
  const underWay = await rowsOf(
    'erasures',
    `select effect->>'participant' from erasures
     where completed_at_ms is null and effect->>'excluded' = 'true'`,
  );
  return {
    identity: privateKey === undefined ? undefined : storedIdentity(String(privateKey)),
    entries: entries.map(([hash, atMs]) => ({ hash: String(hash), atMs: Number(atMs) })),
    underWay: underWay.map(([participant]) => String(participant)).filter(isParticipantId),
  };
}

/** Signed by the server, so that a file that was damaged or cut short is found. */
export async function writeRegister({ identity, entries }: KnownErased): Promise<string | undefined> {
  if (identity === undefined) return undefined;
  const register: ErasureRegister = {
    format: 'murmuration/erasures',
    formatVersion: 1,
    server: toBase64Url(identity.publicKey),
    entries: [...entries],
  };
  const signature = toBase64Url(await identity.sign(statementOf(register)));
  return `${JSON.stringify({ ...register, signature }, null, 2)}\n`;
}

/** @throws `argument.invalid` for what is no such file, `storage.corrupt` for one that was changed. */
export async function readRegister(path: string): Promise<ErasureRegister> {
  const parsed = signedRegister.safeParse(await readJson(path));
  check(parsed.success, 'argument.invalid', 'This is no register of erasures.', {
    path,
    expected: `${ERASURES} of a backup`,
  });
  const { signature, ...register } = parsed.data;
  check(
    verifySignature(fromBase64Url(register.server), statementOf(register), fromBase64Url(signature)),
    'storage.corrupt',
    'The register of erasures is damaged.',
    { path, expected: 'the signature of its server', remedy: 'Use the one of another backup.' },
  );
  return register;
}

/** Says whether somebody is among those that a database knows as erased. */
export async function isAmong({
  identity,
  entries,
  underWay,
}: KnownErased): Promise<(participant: string) => boolean> {
  if (identity === undefined) return () => false;
  const hashOf = await erasedHash(identity);
  const hashes = new Set(entries.map(({ hash }) => hash));
  const asked = new Set(underWay);
  return (participant) => asked.has(participant) || hashes.has(hashOf(participant));
}

function statementOf(register: ErasureRegister): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`murmuration register of erasures 1\n${canonicalJson(register)}`);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    if (!isMissing && !(cause instanceof SyntaxError)) throw storageError(cause, 'the register of erasures');
    throw new MurmurationError('argument.invalid', 'This is no register of erasures.', {
      path,
      expected: `${ERASURES} of a backup`,
      received: isMissing ? 'no file' : 'no JSON',
      cause,
    });
  }
}
