import { beforeEach, describe, expect, test } from 'vitest';
import {
  type Promotion,
  type PromotionRepository,
  promotionRepository,
} from '../api/promotion-repository.ts';
import type { Database } from '../storage/database.ts';

const FIRST: Promotion = {
  federation: 'digits',
  run: 'run',
  version: 1,
  hash: 'a'.repeat(64),
  promotedBy: 'key:1',
  atMs: 1_000,
};

/** What every database has to do for promotions. */
export function promotionContract(name: string, databaseOf: () => Database): void {
  describe(`promotions on ${name}`, () => {
    let promotions: PromotionRepository;
    beforeEach(() => {
      promotions = promotionRepository(databaseOf());
    });

    test('the newest of a federation counts, and the same again changes nothing', async () => {
      expect(await promotions.promotedOf('digits')).toBeUndefined();
      await promotions.promote(FIRST);
      await promotions.promote(FIRST);
      expect(await promotions.promotedOf('digits')).toEqual(FIRST);
      const second = { ...FIRST, version: 2, hash: 'b'.repeat(64), atMs: 2_000 };
      await promotions.promote(second);
      await promotions.promote({ ...FIRST, federation: 'other', atMs: 3_000 });
      expect(await promotions.promotedOf('digits')).toEqual(second);
    });
  });
}
