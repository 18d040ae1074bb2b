import type { AccessRepository } from './access-repository.ts';
import { SCOPES } from './permission.ts';
import { formatKey, hashOf, newSecret } from './secret.ts';

export interface FirstKeyOptions {
  readonly repository: Pick<AccessRepository, 'hasOperator' | 'putFirstKey'>;
  /** OPERATOR_KEY. */
  readonly operatorKey: string | undefined;
  readonly nowMs: () => number;
  /** Shows the key to whoever started the server: this once. */
  readonly announce: (key: string) => void;
}

/** The same on every replica, so that of two that start at once one makes the key. */
const FIRST_ID = '0000000000000001';

/**
 * Makes a key for the operator where there is no other: nothing is open by accident, and nobody is locked out. Only its hash is
 * kept. When all of an operator's keys were revoked or have expired, the next start makes one again.
 */
export async function ensureOperator(options: FirstKeyOptions): Promise<void> {
  const { repository, operatorKey, nowMs, announce } = options;
  if (operatorKey !== undefined || (await repository.hasOperator(nowMs()))) return;
  const secret = newSecret();
  const isMade = await repository.putFirstKey({
    id: FIRST_ID,
    name: 'first operator',
    hash: hashOf(secret),
    kind: 'key',
    role: 'operator',
    scopes: SCOPES,
    federation: null,
    user: null,
    department: null,
    createdBy: 'system',
    createdAtMs: nowMs(),
    expiresAtMs: null,
    revokedAtMs: null,
    lastUsedAtMs: null,
  });
  if (isMade) announce(formatKey(FIRST_ID, secret));
}

/** For a terminal. */
export function firstKeyNotice(key: string): string {
  const lines = [
    'The key of the operator of this server. It is shown this once:',
    '',
    key,
    '',
    'Keep it where others cannot read it; the server keeps a hash only. It goes',
    'into "Authorization: Bearer <key>". Make others with it, then revoke it.',
  ];
  const width = Math.max(...lines.map(({ length }) => length));
  const rule = '─'.repeat(width + 2);
  const rows = lines.map((line) => `│ ${line.padEnd(width)} │`);
  return `\n┌${rule}┐\n${rows.join('\n')}\n└${rule}┘\n\n`;
}
