import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const SECRET_BYTES = 32;
const ID_BYTES = 8;

/** 16 hexadecimal digits: names a row, and is no secret. */
export function newId(): string {
  return randomBytes(ID_BYTES).toString('hex');
}

export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/** How an API key is written: found by its id, proven by its secret. */
export function formatKey(id: string, secret: string): string {
  return `mk_${id}_${secret}`;
}

export function parseKey(text: string): { readonly id: string; readonly secret: string } | undefined {
  const match = /^mk_([0-9a-f]{16})_([\w-]{43})$/.exec(text);
  return match === null ? undefined : { id: match[1]!, secret: match[2]! };
}

/**
 * Hex SHA-256. What is hashed here has 256 random bits: a slow hash, made for passwords that people choose, would buy
 * nothing.
 */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Hashed first: the comparison then takes as long for any length, and any number of right characters. */
export function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
