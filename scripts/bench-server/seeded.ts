import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** What {@link seedData} put into a data folder. */
export interface SeededData {
  /** Of the federation with history and models of 4 MB. */
  readonly federation: string;
  readonly run: string;
  readonly version: number;
  readonly hash: string;
  /** Opening the database alone: with its creation and all migrations, and on what is there. */
  readonly databaseMs: { readonly first: number; readonly again: number };
}

export function crowdFederation(index: number): string {
  return `crowd-${index}`;
}

/** In a process of its own on the core of the server: the embedded database, too, starts as it does there. */
export function seedData(folder: string, federations: number, databaseUrl: string | undefined): SeededData {
  const output = execFileSync(
    'taskset',
    [
      ...['--cpu-list', '0', process.execPath, '--import', 'tsx', join(import.meta.dirname, 'seed-data.ts')],
      ...[folder, String(federations), ...(databaseUrl === undefined ? [] : [databaseUrl])],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return JSON.parse(output) as SeededData;
}
