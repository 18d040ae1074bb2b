import { check } from '../errors/index.ts';

/**
 * JSON with one spelling per value, so that it can be hashed: members sorted by UTF-16 code unit, no white
 * space, members that are undefined left out (RFC 8785; JSON.stringify already spells numbers and strings so).
 * @throws `argument.invalid` for what JSON cannot carry without changing it, such as NaN, with its path.
 */
export function canonicalJson(value: unknown, path = 'value'): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    check(Number.isFinite(value), 'argument.invalid', 'The number cannot be written as JSON.', {
      path,
      expected: 'a finite number',
      received: String(value),
    });
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map((item, index) => canonicalJson(item, `${path}[${index}]`)).join(',')}]`;
  }
  check(
    typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype,
    'argument.invalid',
    'The value cannot be written as JSON.',
    { path, expected: 'a string, number, boolean, null, array or plain object', received: typeof value },
  );
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member, `${path}.${key}`)}`);
  return `{${members.join(',')}}`;
}
