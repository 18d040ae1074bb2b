import { checkInteger } from '../../errors/index.ts';

/** Best first; not a number counts as the worst; of two alike the earlier. */
export function rankByLoss(losses: readonly number[]): number[] {
  const order = (loss: number): number => (Number.isFinite(loss) ? loss : Number.MAX_VALUE);
  return losses.map((_, index) => index).sort((a, b) => order(losses[a]!) - order(losses[b]!) || a - b);
}

export interface GroupScreening {
  readonly count: number;
  /** Held-out loss of the base with the mean of these candidates; of none, of the base. May be called 2 · count times. */
  readonly lossOf: (candidates: readonly number[]) => Promise<number>;
  readonly fewest?: number;
}

/** What is given up of the best improvement to keep more candidates: a mean of more is surer than held-out examples can tell. */
const GIVEN_UP = 0.05;

export interface Screened {
  /** Ascending. Empty where everybody makes the model worse. */
  readonly kept: readonly number[];
  readonly baseLoss: number;
  /** Of each candidate alone. */
  readonly losses: readonly number[];
}

/**
 * Which of several candidates to keep, by the loss on held-out examples of the model with each of them (Xie, Koyejo, Gupta 2019,
 * "Zeno: Distributed Stochastic Gradient Descent with Suspicion-based Fault-tolerance", section 4). Zeno keeps a fixed number of
 * the best; here candidates are taken in the order of their own losses, and of the means of the first k the longest is kept that
 * improves the model nearly as much as the best of them. What lies makes a mean worse however many lie, and what is honest
 * and merely unlucky does not. It does not see a back door, which leaves held-out examples as they are.
 * @throws what `lossOf` throws.
 */
export async function screenGroups({ count, lossOf, fewest = 0 }: GroupScreening): Promise<Screened> {
  checkInteger('count', count, 1, 2 ** 20);
  checkInteger('fewest', fewest, 0, count);
  const baseLoss = await lossOf([]);
  const losses: number[] = [];
  for (let candidate = 0; candidate < count; candidate++) losses.push(await lossOf([candidate]));
  const ranked = rankByLoss(losses);
  const gains: number[] = [];
  for (let k = 1; k <= count; k++) {
    const loss = k === 1 ? losses[ranked[0]!]! : await lossOf(ranked.slice(0, k));
    gains.push(Number.isFinite(loss) ? baseLoss - loss : Number.NEGATIVE_INFINITY);
  }
  const best = Math.max(...gains);
  // Where nothing moves nothing is worse: a round may move no more than a norm (SPEC Z-08), on which the next depends.
  const longest = best >= 0 ? 1 + gains.findLastIndex((gain) => gain >= (1 - GIVEN_UP) * best) : 0;
  const kept = ranked.slice(0, Math.max(fewest, longest)).sort((a, b) => a - b);
  return { kept, baseLoss, losses };
}
