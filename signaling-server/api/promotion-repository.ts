import { desc, eq } from 'drizzle-orm';
import type { Database } from '../storage/database.ts';
import { promotions } from '../storage/schema.ts';

/** The version of a federation's model that is offered as the one to use. */
export interface Promotion {
  readonly federation: string;
  readonly run: string;
  readonly version: number;
  readonly hash: string;
  readonly promotedBy: string;
  readonly atMs: number;
}

export interface PromotionRepository {
  /** The newest counts; earlier ones stay as history. */
  promote(promotion: Promotion): Promise<void>;
  promotedOf(federation: string): Promise<Promotion | undefined>;
}

export function promotionRepository(database: Pick<Database, 'run'>): PromotionRepository {
  return {
    async promote(promotion) {
      await database.run((db) => db.insert(promotions).values(promotion).onConflictDoNothing());
    },
    async promotedOf(federation) {
      const rows = await database.run((db) =>
        db
          .select()
          .from(promotions)
          .where(eq(promotions.federation, federation))
          .orderBy(desc(promotions.atMs), desc(promotions.run), desc(promotions.version))
          .limit(1),
      );
      return rows[0];
    },
  };
}
