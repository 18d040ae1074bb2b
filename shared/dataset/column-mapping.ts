import { check } from '../errors/index.ts';
import type { TabularSchema } from '../federation/index.ts';
import type { Dialect } from './dialect.ts';

/** Which column of the file feeds which column of the schema (the target included): schema name → file name. */
export type ColumnMapping = Readonly<Record<string, string>>;

export interface MappingProposal {
  readonly mapping: ColumnMapping;
  /** Columns of the schema that nothing in the file matches. */
  readonly unmatched: readonly string[];
  /** True: the file names no columns, and they were taken in the schema's order, the target last. */
  readonly byPosition: boolean;
}

/** Columns of the schema in order, the target last. */
export function schemaColumnNames(schema: TabularSchema): string[] {
  return [...schema.columns.map((column) => column.name), schema.target.name];
}

/** Two names are the same when they differ only in case, accents, white space and punctuation. */
export function normalizedName(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}

/**
 * Matches columns by name: exactly spelled first, then by {@link normalizedName}. A file without a header is
 * matched by position if it has as many columns as the schema, and otherwise not at all.
 */
export function proposeMapping(schema: TabularSchema, dialect: Dialect): MappingProposal {
  const wanted = schemaColumnNames(schema);
  if (!dialect.header) {
    if (dialect.columns.length !== wanted.length) return { mapping: {}, unmatched: wanted, byPosition: true };
    const pairs = wanted.map((name, i) => [name, dialect.columns[i]!] as const);
    return { mapping: Object.fromEntries(pairs), unmatched: [], byPosition: true };
  }
  const free = new Set(dialect.columns);
  const mapping: Record<string, string> = {};
  const take = (matches: (wantedName: string, fileName: string) => boolean): void => {
    for (const name of wanted) {
      if (mapping[name] !== undefined) continue;
      const match = [...free].find((candidate) => matches(name, candidate));
      if (match === undefined) continue;
      mapping[name] = match;
      free.delete(match);
    }
  };
  take((name, candidate) => name === candidate);
  take(
    (name, candidate) => normalizedName(name) !== '' && normalizedName(name) === normalizedName(candidate),
  );
  return { mapping, unmatched: wanted.filter((name) => mapping[name] === undefined), byPosition: false };
}

/**
 * Where each column of the schema lies in the file: the proposal, overridden by what the person chose.
 * @returns file indices in the order of {@link schemaColumnNames}.
 * @throws `data.missing-column` naming what is missing and what the file has.
 */
export function resolveColumns(
  schema: TabularSchema,
  dialect: Dialect,
  chosen: ColumnMapping = {},
): readonly number[] {
  const { mapping: proposed } = proposeMapping(schema, dialect);
  const wanted = schemaColumnNames(schema);
  const unknown = Object.keys(chosen).filter((name) => !wanted.includes(name));
  check(
    unknown.length === 0,
    'argument.invalid',
    'The mapping names columns that the schema does not have.',
    {
      expected: listed(wanted),
      received: listed(unknown),
    },
  );
  const sources = wanted.map((name) => chosen[name] ?? proposed[name]);
  const indices = sources.map((source) => (source === undefined ? -1 : dialect.columns.indexOf(source)));
  const missing = wanted.filter((_, i) => indices[i]! < 0);
  if (missing.length === 0) return indices;
  check(
    dialect.header || Object.keys(chosen).length > 0,
    'data.missing-column',
    'The file does not name its columns, and has another number of them.',
    {
      expected: `${wanted.length} columns in this order: ${listed(wanted)}`,
      received: `${dialect.columns.length} columns`,
      remedy: 'Add a first line with the names of the columns, or choose which column is which.',
    },
  );
  check(
    false,
    'data.missing-column',
    missing.length === 1 ? 'A column is missing.' : `${missing.length} columns are missing.`,
    {
      path: missing.map((name) => `column "${name}"`).join(', '),
      expected: listed(missing),
      received: `a file with the columns ${listed(dialect.columns)}`,
      remedy: 'Add the missing columns to the file, or choose which of its columns to use.',
    },
  );
}

const MAX_LISTED = 30;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).join(', ');
  return names.length > MAX_LISTED ? `${shown} and ${names.length - MAX_LISTED} more` : shown;
}
