import { inArray } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import { federationSettings } from '../storage/operator-schema.ts';

/** Whether rounds of these federations wait for a training. Of whom nothing is kept nothing is said: it is open. */
export async function readControls(
  database: Pick<Database, 'run'>,
  federations: readonly string[],
): Promise<ReadonlyMap<string, 'open' | 'managed'>> {
  if (federations.length === 0) return new Map();
  const rows = await database.run((db) =>
    db
      .select({ federation: federationSettings.federation, control: federationSettings.control })
      .from(federationSettings)
      .where(inArray(federationSettings.federation, [...federations])),
  );
  return new Map(rows.map(({ federation, control }) => [federation, control]));
}
