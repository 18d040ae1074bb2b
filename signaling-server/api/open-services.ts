import { hasCode } from '../../shared/errors/index.ts';
import type { Identity } from '../../shared/identity/index.ts';
import type { Access } from '../access/open-access.ts';
import type { AlertService } from '../alerts/alert.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ServerConfig } from '../config.ts';
import type { Judges } from '../evaluation/judges.ts';
import type { ServerEvents } from '../events.ts';
import type { TrainingService } from '../jobs/training.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import { createLimitService } from '../privacy/limit-service.ts';
import { createQueryService } from '../privacy/query-service.ts';
import type { RightsService } from '../rights/rights-service.ts';
import type { Database } from '../storage/database.ts';
import type { Repository } from '../storage/repository.ts';
import { createFederationService } from './federation-service.ts';
import type { LiveFederations } from './live-federations.ts';
import { createMetricsService } from './metrics-service.ts';
import { promotionRepository } from './promotion-repository.ts';
import { createRoundService } from './round-service.ts';
import { createSecurityService } from './security-service.ts';
import type { Services } from './services.ts';
import { type ComponentCheck, createSystemService } from './system-service.ts';
import { createVersionService } from './version-service.ts';

export interface ServicesOptions {
  readonly database: Database;
  readonly repository: Repository;
  readonly access: Pick<Access, 'repository' | 'service' | 'authorize' | 'review'>;
  readonly audit: AuditLog;
  readonly events: ServerEvents;
  readonly budgets: BudgetService;
  readonly trainings: TrainingService;
  readonly alerts: AlertService;
  readonly rights: RightsService;
  readonly judges: Judges;
  readonly identity: Identity;
  readonly live: LiveFederations;
  /** Besides the database. */
  readonly checks: readonly ComponentCheck[];
  readonly config: Pick<ServerConfig, 'epsilonPerQuery'>;
}

/** The bundle of services, over the parts of this server. */
export function openServices(options: ServicesOptions): Services & { close(): void } {
  const { database, repository, access, audit, events, budgets, trainings, alerts, judges, live } = options;
  const vital: ComponentCheck = { name: 'database', isVital: true, check: () => database.ping() };
  const system = createSystemService({
    database,
    checks: [vital, ...options.checks],
    trainings,
    countParticipants: live.countAllPeers,
  });
  const security = createSecurityService({ database, repository, audit, events });
  return {
    trainings,
    metrics: createMetricsService(trainings, repository),
    system,
    security,
    alerts,
    rights: options.rights,
    access: access.service,
    audit,
    budgets,
    limits: createLimitService({ budgets, audit }),
    queries: createQueryService({
      repository,
      budgets,
      judges,
      identity: options.identity,
      audit,
      epsilonPerQuery: options.config.epsilonPerQuery,
    }),
    federations: createFederationService({
      repository,
      settings: access.repository,
      audit,
      countPeers: live.countPeers,
      authorize: access.authorize,
      onSettings: access.review,
      async isVisible({ principal }, federation) {
        try {
          await access.authorize(principal, 'federation:read', { federation });
          return true;
        } catch (thrown) {
          if (hasCode(thrown, 'http.unauthorized') || hasCode(thrown, 'http.forbidden')) return false;
          throw thrown;
        }
      },
    }),
    versions: createVersionService({
      repository,
      promotions: promotionRepository(database),
      judges,
      audit,
      rollBack: live.rollBack,
    }),
    rounds: createRoundService({ repository, underWay: live.underWay }),
    events,
    close() {
      system.close();
      security.close();
    },
  };
}
