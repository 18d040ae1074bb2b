import type { Principal } from './principal.ts';

/**
 * Who did something, for a certain reader: what federations are open tells everybody what was ordered, and not which person of which
 * account it was. Whoever may read of accounts, and the person itself, reads the name; others what kind of principal it is.
 */
export function shownName(reader: Pick<Principal, 'kind' | 'name' | 'scopes'>, name: string): string {
  const mayKnow = reader.kind === 'system' || reader.name === name || reader.scopes.has('access:read');
  return mayKnow ? name : name.replace(/:.*$/s, '');
}
