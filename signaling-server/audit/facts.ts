import { check, MurmurationError } from '../../shared/errors/index.ts';
import { canonicalJson } from '../../shared/federation/index.ts';
import type { AuditFacts } from './audit-log.ts';

const MAX_TEXT = 512;
const MAX_DEPTH = 6;
/** In canonical JSON: a thousand participants fit. */
const MAX_CHARACTERS = 64 * 1024;
/** Settings have a few numbers in a row (layers, thresholds); a longer row is a vector. */
const MAX_NUMBERS = 32;

/** Fields that could hold a payload or a secret. A number or a flag under such a name counts things: `records: 12`. */
const DENIED = new Set(
  `activations answer authorization bytes credential data dataset embedding examples features file gradient gradients image
  images input inputs keymaterial label labels logits mask masks message messages params password payload prompt query record
  records row rows salt sample samples secret seed share shares state tensor text token tokens update updates vector vectors
  weights`.split(/\s+/),
);
/** What jsonb refuses: NUL, and halves of a character. */
const UNKEEPABLE = /[\0\p{Surrogate}]/u;
/** Ids are fields too, where numbers are told of each. */
const FIELD = /^[\w.:@/+#-]{1,120}$/;
/** What credentials of this server look like, and JSON web tokens, under whatever name. */
const CREDENTIAL = /(?:^|[^\w])(?:mk_[\w-]+_[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]+\.)/;

/**
 * Lets identifiers, settings and numbers through, and nothing that could be personal data of somebody's records: a log that is kept
 * for years and sent to others is no place for it. It throws rather than leaves out: whoever wrote the call must learn of it. SPEC V-03.
 * @throws `argument.invalid` naming the field, never its value.
 */
export function checkFacts(path: 'before' | 'after', facts: AuditFacts): void {
  checkObject(path, facts, 1);
  const { length } = canonicalJson(facts, path);
  check(length <= MAX_CHARACTERS, 'argument.invalid', 'An entry of the audit log is too large.', {
    path,
    expected: `at most ${MAX_CHARACTERS} characters`,
    received: String(length),
  });
}

/**
 * For what comes from a request and will stand in an entry: refused before anything is done rather than after, when it would be done
 * without an entry.
 * @throws `argument.invalid` naming the field, never its value.
 */
export function checkFact(path: string, value: unknown): void {
  checkValue(path, value, 1);
}

function checkObject(path: string, value: object, depth: number): void {
  if (depth > MAX_DEPTH) refuse(path, `values nested at most ${MAX_DEPTH} deep`);
  for (const [name, member] of Object.entries(value)) {
    if (!FIELD.test(name)) refuse(path, 'fields with plain names');
    const at = `${path}.${name}`;
    const isCount = member === null || ['number', 'boolean', 'undefined'].includes(typeof member);
    if (!isCount && DENIED.has(name.replaceAll(/[_-]/g, '').toLowerCase()))
      refuse(at, 'identifiers, settings and numbers: a field of this name could carry a payload or a secret');
    checkValue(at, member, depth);
  }
}

function checkValue(path: string, value: unknown, depth: number): void {
  if (typeof value === 'string') {
    if (value.length > MAX_TEXT) refuse(path, `texts of at most ${MAX_TEXT} characters`);
    if (UNKEEPABLE.test(value)) refuse(path, 'text that a database can keep');
    if (CREDENTIAL.test(value)) refuse(path, 'no credentials');
  } else if (Array.isArray(value)) {
    if (value.length > MAX_NUMBERS && value.some((item) => typeof item === 'number'))
      refuse(path, `at most ${MAX_NUMBERS} numbers in a row`);
    if (depth >= MAX_DEPTH) refuse(path, `values nested at most ${MAX_DEPTH} deep`);
    for (const [index, item] of value.entries()) checkValue(`${path}[${index}]`, item, depth + 1);
  } else if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    refuse(path, 'no vectors and no bytes');
  } else if (typeof value === 'object' && value !== null) {
    checkObject(path, value, depth + 1);
  }
}

function refuse(path: string, expected: string): never {
  throw new MurmurationError('argument.invalid', 'This does not belong into the audit log.', {
    path,
    expected,
  });
}
