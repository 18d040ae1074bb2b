import { and, asc, desc, inArray, lte, sql } from 'drizzle-orm';
import { EVALUATIONS_KEPT } from '../alerts/round-window.ts';
import type { ServerEvent } from '../events.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import type { PrivacyBudget } from '../privacy/privacy-budget.ts';
import type { Database } from '../storage/database.ts';
import { heldOutSetOf } from '../storage/of-held-out-set.ts';
import type { PrivacyRepository } from '../storage/privacy-repository.ts';
import { metrics, runs, trainings } from '../storage/schema.ts';

/** Newest runs, trainings and subjects that are looked at: as many as metrics tell apart. */
const MAX_REMEMBERED = 200;

/**
 * What was before this process, as events: the newest training of each federation, and what its newest run was evaluated to. They are for gauges and
 * alerts, which would otherwise know nothing until something happens; they did not happen now.
 */
export async function recallEvents(database: Pick<Database, 'run'>): Promise<ServerEvent[]> {
  const newestRuns = await database.run((db) =>
    db
      .selectDistinctOn([runs.federation], { id: runs.id, federation: runs.federation })
      .from(runs)
      .orderBy(asc(runs.federation), desc(runs.createdAtMs))
      .limit(MAX_REMEMBERED),
  );
  const newestTrainings = await database.run((db) =>
    db
      .selectDistinctOn([trainings.federation])
      .from(trainings)
      .orderBy(asc(trainings.federation), desc(trainings.createdAtMs))
      .limit(MAX_REMEMBERED),
  );
  const federationOf = new Map(newestRuns.map(({ id, federation }) => [id, federation]));
  const evaluations = await readEvaluations(database, [...federationOf.keys()]);
  return [
    ...newestTrainings.map((training): ServerEvent => ({ type: 'training', training })),
    ...evaluations.map(
      ({ run, round, name, value, heldOut }): ServerEvent => ({
        type: 'metric',
        federation: federationOf.get(run)!,
        run,
        training: undefined,
        round,
        name,
        value,
        heldOut,
        atMs: 0,
      }),
    ),
  ];
}

async function readEvaluations(database: Pick<Database, 'run'>, ids: readonly string[]) {
  if (ids.length === 0) return [];
  return database.run((db) => {
    const numbered = db
      .select({
        run: metrics.run,
        round: metrics.round,
        name: metrics.name,
        value: metrics.value,
        heldOut: heldOutSetOf().as('held_out'),
        newness:
          sql<number>`row_number() over (partition by ${metrics.run}, ${metrics.name} order by ${metrics.round} desc)`.as(
            'newness',
          ),
      })
      .from(metrics)
      .where(and(inArray(metrics.run, [...ids]), inArray(metrics.name, ['accuracy', 'loss'])))
      .as('numbered');
    return db
      .select({
        run: numbered.run,
        round: numbered.round,
        name: numbered.name,
        value: numbered.value,
        heldOut: numbered.heldOut,
      })
      .from(numbered)
      .where(lte(numbered.newness, EVALUATIONS_KEPT))
      .orderBy(asc(numbered.run), asc(numbered.round));
  });
}

/** Where federations, departments and users stand. Participants are told of when they release something. */
export async function recallBudgets(
  repository: Pick<PrivacyRepository, 'listSubjects'>,
  budgets: Pick<BudgetService, 'budgetOf'>,
  signal: AbortSignal,
): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for (const kind of ['federation', 'department', 'user'] as const) {
    const subjects = await repository.listSubjects({
      releasing: ['federation'],
      kind,
      limit: MAX_REMEMBERED,
    });
    for (const subject of subjects) {
      if (signal.aborted) return events;
      const event = budgetEventOf(await budgets.budgetOf(subject));
      if (event !== undefined) events.push(event);
    }
  }
  return events;
}

/** Undefined where there is no limit. An epsilon that is not finite is infinite. */
export function budgetEventOf({ subject, epsilon, limit }: PrivacyBudget): ServerEvent | undefined {
  if (limit === null) return undefined;
  const spent = epsilon ?? Infinity;
  return {
    type: 'budget',
    kind: subject.kind,
    subject: subject.id,
    share: spent / limit.epsilon,
    epsilon: spent,
    limit: limit.epsilon,
  };
}
