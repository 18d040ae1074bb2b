import type { WeightedSlice } from './sum.ts';

/**
 * How what arrived becomes one vector: whole updates, where an owner sees them, or the sums of groups. What comes out stands
 * for all of the parts: its values over its weight are the mean that is applied. docs/decisions/0020.
 * @throws `aggregate.too-few` where there are fewer parts than the rule can do with, with the arithmetic.
 */
export type CombineRule = (
  parts: readonly WeightedSlice[],
  signal?: AbortSignal,
) => WeightedSlice | Promise<WeightedSlice>;
