import type { Caller } from '../access/principal.ts';
import type { TrainingService } from '../jobs/training.ts';
import type { Repository } from '../storage/repository.ts';
import type { Metric } from '../storage/run-repository.ts';

export interface TrainingMetrics {
  readonly training: string;
  readonly run: string;
  /** By round, then by name. */
  readonly metrics: readonly Metric[];
  /** To be passed as `from`; null at the end. */
  readonly nextRound: number | null;
}

export interface MetricsService {
  /**
   * What the evaluations of a training's run told, from this round on; rounds are not split between pages.
   * @throws `http.not-found`.
   */
  ofTraining(
    caller: Caller,
    training: string,
    page?: { readonly fromRound?: number | undefined; readonly rounds?: number | undefined },
  ): Promise<TrainingMetrics>;
}

const DEFAULT_ROUNDS = 1_000;

export function createMetricsService(
  trainings: Pick<TrainingService, 'get'>,
  repository: Pick<Repository, 'listMetrics'>,
): MetricsService {
  return {
    async ofTraining(caller, id, { fromRound = 0, rounds = DEFAULT_ROUNDS } = {}) {
      const { run } = await trainings.get(caller, id);
      const all = await repository.listMetrics(run, fromRound);
      const shown = new Set<number>();
      for (const { round } of all) {
        if (shown.size === rounds && !shown.has(round))
          return {
            training: id,
            run,
            metrics: all.filter((each) => shown.has(each.round)),
            nextRound: round,
          };
        shown.add(round);
      }
      return { training: id, run, metrics: all, nextRound: null };
    },
  };
}
