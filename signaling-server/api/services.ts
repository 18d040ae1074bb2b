import type { AccessService } from '../access/access-service.ts';
import type { AlertService } from '../alerts/alert.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ServerEvents } from '../events.ts';
import type { TrainingService } from '../jobs/training.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import type { LimitService } from '../privacy/limit-service.ts';
import type { QueryService } from '../privacy/query.ts';
import type { RightsService } from '../rights/rights-service.ts';
import type { FederationService } from './federation-service.ts';
import type { MetricsService } from './metrics-service.ts';
import type { RoundService } from './round-service.ts';
import type { SecurityService } from './security-service.ts';
import type { SystemService } from './system-service.ts';
import type { VersionService } from './version-service.ts';

/**
 * What all doors call. Each call names the caller; services write to the audit and throw by name. Whether the caller may is the
 * guard's to decide, before.
 */
export interface Services {
  readonly trainings: TrainingService;
  readonly alerts: AlertService;
  readonly access: AccessService;
  readonly audit: AuditLog;
  readonly budgets: BudgetService;
  readonly limits: LimitService;
  readonly queries: QueryService;
  readonly federations: FederationService;
  readonly versions: VersionService;
  readonly rounds: RoundService;
  readonly metrics: MetricsService;
  readonly system: SystemService;
  readonly security: SecurityService;
  readonly rights: RightsService;
  readonly events: ServerEvents;
}
