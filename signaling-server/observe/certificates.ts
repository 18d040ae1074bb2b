import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { and, eq, gt, isNull } from 'drizzle-orm';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Database } from '../storage/database.ts';
import { apiKeys } from '../storage/operator-schema.ts';

export interface WatchedCertificate {
  /** `server`, or `key:ID` of a registered client. */
  readonly name: string;
  readonly expiresAtMs: number;
}

/** A client that nobody renewed for so long is gone. */
const FORGOTTEN_AFTER_MS = 30 * 24 * 3600_000;

/**
 * When the certificates expire that this server has to do with: of TLS_CERT_FILE, which the proxy in front shows, and of registered clients.
 * @throws `storage.unavailable`; `argument.invalid` for a file that is no certificate.
 */
export async function readCertificates(
  file: string | undefined,
  database: Pick<Database, 'run'>,
  nowMs: number,
): Promise<WatchedCertificate[]> {
  const clients = await database.run((db) =>
    db
      .select({ id: apiKeys.id, expiresAtMs: apiKeys.expiresAtMs })
      .from(apiKeys)
      .where(
        and(
          eq(apiKeys.kind, 'certificate'),
          isNull(apiKeys.revokedAtMs),
          gt(apiKeys.expiresAtMs, nowMs - FORGOTTEN_AFTER_MS),
        ),
      ),
  );
  return [
    ...(file === undefined ? [] : [{ name: 'server', expiresAtMs: await expiryOf(file) }]),
    ...clients.map(({ id, expiresAtMs }) => ({ name: `key:${id}`, expiresAtMs: expiresAtMs! })),
  ];
}

/** Of the first certificate in a PEM file: in a chain that is the server's own. Read again each time, since it is renewed in place. */
async function expiryOf(file: string): Promise<number> {
  try {
    return Date.parse(new X509Certificate(await readFile(file)).validTo);
  } catch (cause) {
    throw new MurmurationError('argument.invalid', 'The certificate cannot be read.', {
      path: 'TLS_CERT_FILE',
      expected: 'a PEM file that this server may read',
      cause,
    });
  }
}
