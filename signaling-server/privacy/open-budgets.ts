import type { Logger } from 'pino';
import { openAccount, openQuickAccount } from '../../shared/ledger/index.ts';
import type { ServerConfig } from '../config.ts';
import type { ServerEvents } from '../events.ts';
import type { Repository } from '../storage/repository.ts';
import type { BudgetLimit } from './budget-entry.ts';
import { type BudgetService, budgetService, USUAL_DELTA } from './budget-service.ts';
import { createComposer } from './exposure.ts';
import { isPerson, type Subject } from './subject.ts';

export interface OpenBudgetsOptions {
  readonly events?: Pick<ServerEvents, 'emit'>;
  readonly config?: BudgetConfig;
}

export type BudgetConfig = Pick<ServerConfig, 'departmentBudgets' | 'userBudget' | 'epsilonPerQuery'>;

/** The budgets of this server, whose warnings go to its log, and whose standing to whoever listens. */
export function openBudgets(
  repository: Repository,
  log: Pick<Logger, 'warn'>,
  { events, config }: OpenBudgetsOptions = {},
): BudgetService {
  return budgetService({
    repository,
    composer: createComposer({ open: openAccount, openQuick: openQuickAccount }),
    // A log outlives a deletion: persons are not named in it. Alerts name them as the audit does.
    onWarning: ({ code, subject: { kind, id }, epsilon, limit }) =>
      log.warn(
        { code, kind, ...(isPerson(kind) ? {} : { id }), epsilon, limit },
        'a privacy budget is nearly spent, or more than spent',
      ),
    onReviewed: ({ subject: { kind, id: subject }, epsilon, limit }) =>
      events?.emit({
        type: 'budget',
        kind,
        subject,
        epsilon: bounded(epsilon),
        limit: limit.epsilon,
        share: bounded(epsilon / limit.epsilon),
      }),
    ...(config === undefined ? {} : { usualLimit: (subject: Subject) => usualLimitOf(subject, config) }),
  });
}

/** Departments that are not listed, and users where there is no maximum, have no limit until they are given one. */
function usualLimitOf({ kind, id }: Subject, config: BudgetConfig): BudgetLimit | undefined {
  const { departmentBudgets, userBudget, epsilonPerQuery } = config;
  const listed = Object.hasOwn(departmentBudgets, id) ? departmentBudgets[id] : undefined;
  const epsilon = kind === 'department' ? listed : kind === 'user' ? userBudget : undefined;
  return epsilon === undefined ? undefined : { epsilon, delta: USUAL_DELTA, epsilonPerQuery };
}

/** Events travel as JSON, which has no infinity. */
function bounded(value: number): number {
  return Math.min(value, Number.MAX_VALUE);
}
