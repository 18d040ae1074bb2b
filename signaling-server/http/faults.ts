import type { z } from '@hono/zod-openapi';
import { MurmurationError } from '../../shared/errors/index.ts';
import { formatPath } from '../../shared/federation/index.ts';

/** Longest value of a parameter that is repeated to whoever sent it. */
const MAX_REPEATED = 32;
const WHERE: Readonly<Record<string, { readonly prefix: string; readonly message: string }>> = {
  query: { prefix: 'query.', message: 'This parameter is wrong.' },
  param: { prefix: '', message: 'This address is wrong.' },
  header: { prefix: 'header.', message: 'This header is wrong.' },
  json: { prefix: '', message: 'The body does not validate.' },
};

/**
 * What is wrong with a part of a request, as one of our errors: the path of the first fault, what was expected there and what came.
 * Values of bodies are never repeated, since they may be secrets.
 */
export function faultOf(target: string, error: z.ZodError, input: unknown): MurmurationError {
  const { prefix, message } = WHERE[target] ?? WHERE.json!;
  const [first, ...others] = error.issues;
  const issue = deepest(first!);
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0]! : undefined;
  const path = formatPath(
    unknown === undefined ? issue.path : [...issue.path, unknown.slice(0, MAX_REPEATED)],
  );
  const value = valueAt(input, issue.path);
  const more = others.map((other) => prefix + formatPath(deepest(other).path));
  return new MurmurationError('http.bad-request', message, {
    path: prefix + path || 'body',
    expected: unknown === undefined ? expectedOf(issue) : 'no such field',
    received:
      unknown !== undefined ? 'a field of that name' : target === 'json' ? kindOf(value) : quoted(value),
    ...(more.length === 0 ? {} : { remedy: `Wrong too: ${[...new Set(more)].slice(0, 8).join(', ')}.` }),
  });
}

type Issue = z.core.$ZodIssue;

/** Of a union, the alternative that came furthest; its path made whole. */
function deepest(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  const alternatives = issue.errors.flatMap(([first]) => (first === undefined ? [] : [first]));
  const best = alternatives.map(deepest).sort((a, b) => b.path.length - a.path.length)[0];
  if (best === undefined || best.path.length === 0) return issue;
  return { ...best, path: [...issue.path, ...best.path] };
}

/** Schemas of ours say in words what they expect; of the rest zod knows. */
function expectedOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'nonoptional' ? 'a value' : article(issue.expected);
    case 'invalid_value':
      return issue.values.map(String).join(', ');
    case 'too_small':
      return `at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'too_big':
      return `at most ${issue.maximum}${unitOf(issue.origin)}`;
    default:
      return issue.message;
  }
}

function article(type: string): string {
  if (type === 'int') return 'a whole number';
  const word = type === 'string' ? 'text' : type === 'record' ? 'object' : type;
  return /^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`;
}

function unitOf(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' || origin === 'set' ? ' entries' : '';
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    input,
  );
}

function quoted(value: unknown): string {
  return typeof value === 'string' ? `"${value.slice(0, MAX_REPEATED)}"` : kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value === 'string') return `a text of ${value.length} characters`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : article(typeof value);
}
