import { check, MurmurationError } from '../../errors/index.ts';

export type JsonObject = { readonly [key: string]: unknown };

/**
 * Strict JSON of a model file: UTF-8 without errors, no key twice in one object, and none named `__proto__`.
 * @param what what is being read, for the message: "The header".
 * @throws `model.corrupt`.
 */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new MurmurationError('model.corrupt', `${what} is not JSON.`, {
      expected: 'JSON in UTF-8',
      remedy: 'Save the model again where it came from.',
      cause,
    });
  }
  checkKeys(text, what);
  return value;
}

/** @throws `model.corrupt` when the value is anything but an object. */
export function asObject(value: unknown, path: string): JsonObject {
  check(
    typeof value === 'object' && value !== null && !Array.isArray(value),
    'model.corrupt',
    'The model file is not as it should be.',
    { path, expected: 'an object', received: kindOf(value) },
  );
  return value as JsonObject;
}

/** @throws `model.corrupt` when the value is anything but a list. */
export function asArray(value: unknown, path: string): readonly unknown[] {
  check(Array.isArray(value), 'model.corrupt', 'The model file is not as it should be.', {
    path,
    expected: 'a list',
    received: kindOf(value),
  });
  return value;
}

/** @throws `model.corrupt` when the value is anything but text. */
export function asText(value: unknown, path: string): string {
  check(typeof value === 'string', 'model.corrupt', 'The model file is not as it should be.', {
    path,
    expected: 'text',
    received: kindOf(value),
  });
  return value;
}

/** Sizes of a tensor. @throws `model.corrupt` unless it is a list of integers whose product can be counted. */
export function asShape(value: unknown, path: string): readonly number[] {
  const shape = asArray(value, path);
  let count = 1;
  for (const size of shape) {
    check(Number.isSafeInteger(size) && (size as number) >= 0, 'model.corrupt', 'A tensor has a bad shape.', {
      path,
      expected: 'integers from 0',
      received: kindOf(size),
    });
    count *= size as number;
  }
  check(Number.isSafeInteger(count * 8), 'model.corrupt', 'A tensor is larger than any memory.', { path });
  return shape as readonly number[];
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Small numbers as they are, everything else by its kind: a message never quotes a file at length. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}

/** JSON.parse keeps the last of two equal keys in silence. The text is valid JSON: a key is a string before a colon. */
function checkKeys(text: string, what: string): void {
  const keys: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{') keys.push(new Set());
    else if (character === '}') keys.pop();
    if (character !== '"') continue;
    const end = endOfString(text, i);
    let after = end;
    while (' \t\n\r'.includes(text[after] ?? 'end')) after++;
    if (text[after] === ':') {
      const key = JSON.parse(text.slice(i, end)) as string;
      const known = keys.at(-1)!;
      check(!known.has(key), 'model.corrupt', `${what} has the key "${key.slice(0, 80)}" twice.`);
      check(key !== '__proto__', 'model.corrupt', `${what} has a key that no model has.`, { received: key });
      known.add(key);
    }
    i = end - 1;
  }
}

/** The position after the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}
