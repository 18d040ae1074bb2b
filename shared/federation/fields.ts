import { z } from 'zod';

/** Whole numbers from 1 to a most. */
export const positiveInt = (max: number) => z.int().min(1).max(max);
