import type { Masking } from '../update/index.ts';
import type { CombineRule } from './combine-rule.ts';
import { sumSlices } from './sum.ts';

/** What an aggregation rule has to look at: the sum alone, or every update by itself. */
export type Needs = 'sum' | 'individual';

export interface AggregationRule<N extends Needs = Needs> {
  readonly needs: N;
  readonly combine: CombineRule;
}

/**
 * Rules that an owner may use on updates that are masked like M. Where a mask may be in the way, a rule that needs individual
 * updates does not compile.
 */
export type RuleFor<M extends Masking> = AggregationRule<[M] extends ['none'] ? Needs : 'sum'>;

export const addition: AggregationRule<'sum'> = { needs: 'sum', combine: (parts) => sumSlices(parts) };
