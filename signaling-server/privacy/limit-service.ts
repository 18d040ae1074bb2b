import type { Caller } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { type BudgetLimit, checkLimit } from './budget-entry.ts';
import type { BudgetService } from './budget-service.ts';
import type { PrivacyBudget } from './privacy-budget.ts';
import { type Subject, subjectKey } from './subject.ts';

/** Limits are set by people: each change is in the audit. */
export interface LimitService {
  /**
   * From now on; what was spent before counts.
   * @throws `privacy.invalid-parameter`, `argument.invalid`, `federation.unknown`.
   */
  setLimit(caller: Caller, subject: Subject, limit: BudgetLimit): Promise<PrivacyBudget>;
}

export interface LimitServiceOptions {
  readonly budgets: Pick<BudgetService, 'budgetOf' | 'setLimit'>;
  readonly audit: Pick<AuditLog, 'record' | 'pseudonymOf'>;
}

export function createLimitService({ budgets, audit }: LimitServiceOptions): LimitService {
  return {
    async setLimit(caller, subject, limit) {
      checkLimit(limit);
      // Of a federation that does not exist there is nothing to limit.
      const before = await budgets.budgetOf(subject);
      const { kind, id } = subject;
      await audit.record(caller, {
        action: 'privacy.limit-set',
        subject:
          kind === 'participant'
            ? `participant:${await audit.pseudonymOf(id)}`
            : subjectKey(subject).replace('/', ':'),
        before: { limit: before.limit },
        after: { limit },
        effect: () => budgets.setLimit(subject, limit),
      });
      return budgets.budgetOf(subject);
    },
  };
}
