import type { Federation } from '../../shared/federation/index.ts';
import type { PrivacyUnit, TrustModel } from '../../shared/ledger/index.ts';
import type { Repository } from '../storage/repository.ts';
import type { BudgetService } from './budget-service.ts';

/** What everybody whose records a model was trained on is promised, whatever is done with the model. */
export interface TrainingGuarantee {
  readonly unit: PrivacyUnit;
  readonly epsilon: number;
  readonly delta: number;
  readonly trustModels: readonly TrustModel[];
}

export interface TrainedModel {
  readonly federation: Federation;
  readonly run: string;
  readonly version: number;
}

/**
 * Undefined where there is no finite bound: somebody's update came without noise, or the releases of some round up to this version are not all
 * known here. It covers all that the federation released until now, of which the model is a part.
 */
export async function trainingGuarantee(
  { federation, run, version }: TrainedModel,
  repository: Pick<Repository, 'loadRecords' | 'countNoted'>,
  budgets: Pick<BudgetService, 'budgetOf'>,
): Promise<TrainingGuarantee | undefined> {
  const [records, noted] = await Promise.all([repository.loadRecords(run, 1), repository.countNoted(run)]);
  const before = records.filter(({ round }) => round <= version);
  const isKnown = before.every(
    ({ round, hash, survivors }) => (noted.get(`${round}/${hash}`) ?? 0) >= survivors.length,
  );
  const isWhole = new Set(before.map(({ round }) => round)).size === version;
  if (!isKnown || !isWhole) return undefined;
  const { epsilon, delta, unit, trustModels } = await budgets.budgetOf({
    kind: 'federation',
    id: federation.id,
  });
  return epsilon === null ? undefined : { unit, epsilon, delta, trustModels };
}
