import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/** Command-line options that every measuring script shares. */
export interface CommonOptions {
  /** Where the result goes as JSON. */
  readonly json: string | undefined;
  /** Exit with 1 when a figure is beyond its bound. */
  readonly check: boolean;
}

type Extra = Record<string, { type: 'string' | 'boolean'; default?: string | boolean }>;

/** @throws when an option is unknown, with the list of those that exist. */
export function readOptions<T extends Extra>(
  extra: T,
): CommonOptions & { [K in keyof T]: T[K]['type'] extends 'boolean' ? boolean : string | undefined } {
  const options = { json: { type: 'string' }, check: { type: 'boolean', default: false }, ...extra } as const;
  try {
    return parseArgs({ options, strict: true, allowPositionals: false }).values as never;
  } catch (thrown) {
    const names = Object.keys(options).map((name) => `--${name}`);
    console.error(`${(thrown as Error).message}\nOptions: ${names.join(' ')}`);
    process.exit(2);
  }
}

export function writeJson(path: string | undefined, result: unknown): void {
  if (path !== undefined) writeFileSync(path, `${JSON.stringify(result, null, 2)}\n`);
}

/** @throws when the text is not a whole number in the range. */
export function integerOption(name: string, text: string | undefined, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    console.error(`--${name}: expected a whole number from ${min} to ${max}, received "${text}".`);
    process.exit(2);
  }
  return value;
}
