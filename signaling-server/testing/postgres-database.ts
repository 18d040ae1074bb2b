import pg from 'pg';
import type { TestPostgres } from './postgres.ts';

/** Another database on the same server. @returns its URL. */
export async function createDatabase({ url }: TestPostgres, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database "${name}"`);
  } finally {
    await client.end();
  }
  return url.replace('/postgres?', `/${name}?`);
}
