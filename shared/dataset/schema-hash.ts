import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson, type DataSchema } from '../federation/index.ts';

/**
 * Hex SHA-256 of what decides how examples are encoded. Examples fit every federation whose schema has the same
 * hash, so which sample data the page may offer does not count.
 */
export function schemaHash(schema: DataSchema): string {
  const encoding = schema.kind === 'image' ? { ...schema, sample: undefined } : schema;
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(encoding))));
}
