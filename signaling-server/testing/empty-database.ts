import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { openSession } from '../admin/sql-session.ts';
import { silentLog } from './silent-log.ts';

/** To begin a new embedded database takes seconds: one is begun in this folder, and copied as often as it is wanted. */
export function emptyDatabases(root: string): (name: string) => Promise<string> {
  let empty: Promise<string> | undefined;
  const begin = async (): Promise<string> => {
    const dataDir = join(root, 'empty');
    const session = await openSession({ dataDir, databaseUrl: undefined }, silentLog);
    await session.run('select 1');
    await session.close();
    return dataDir;
  };
  return async (name) => {
    empty ??= begin();
    const dataDir = join(root, name);
    await cp(await empty, dataDir, { recursive: true });
    return dataDir;
  };
}
