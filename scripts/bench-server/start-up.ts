import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quantile } from '../table.ts';

export interface StartUpResult {
  /** On an empty data folder: the embedded database makes itself. */
  readonly emptyMs: Spread;
  /** On the folder that the first start left. */
  readonly againMs: Spread;
  /** On a folder with data. */
  readonly seededMs: Spread;
  /** Just after the start, at rest. */
  readonly emptyRssBytes: number;
  readonly seededRssBytes: number;
  /** The embedded database alone, without the server: made, and opened again with data. */
  readonly databaseMs: { readonly first: number; readonly again: number };
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Started {
  readonly startMs: number;
  rssBytes(): number;
  stop(): Promise<void>;
}

/** @param start the server on a data folder. */
export async function measureStartUp(
  start: (folder: string) => Promise<Started>,
  seededFolder: string,
  databaseMs: StartUpResult['databaseMs'],
  times: number,
): Promise<StartUpResult> {
  const empty: number[] = [];
  const again: number[] = [];
  const seeded: number[] = [];
  const rss = { empty: 0, seeded: 0 };
  const once = async (folder: string, into: number[], of?: keyof typeof rss): Promise<void> => {
    const server = await start(folder);
    into.push(server.startMs);
    if (of !== undefined) rss[of] = server.rssBytes();
    await server.stop();
  };
  for (let i = 0; i < times; i++) {
    const folder = mkdtempSync(join(tmpdir(), 'bench-server-empty-'));
    try {
      await once(folder, empty, 'empty');
      await once(folder, again);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    await once(seededFolder, seeded, 'seeded');
  }
  return {
    emptyMs: spreadOf(empty),
    againMs: spreadOf(again),
    seededMs: spreadOf(seeded),
    emptyRssBytes: rss.empty,
    seededRssBytes: rss.seeded,
    databaseMs,
  };
}

function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values) };
}
