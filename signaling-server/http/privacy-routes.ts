import { randomUUID } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { hasCode } from '../../shared/errors/index.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { BudgetService } from '../privacy/budget-service.ts';
import type { LimitService } from '../privacy/limit-service.ts';
import { noteReading } from '../privacy/note-reading.ts';
import type { PrivacyBudget } from '../privacy/privacy-budget.ts';
import type { QueryService } from '../privacy/query.ts';
import { isSubjectKind, SUBJECT_ID, SUBJECT_ID_EXPECTED, type Subject } from '../privacy/subject.ts';
import type { Repository } from '../storage/repository.ts';
import { defined } from './defined.ts';
import type { AddEndpoint } from './endpoint.ts';
import { checkReachesAll, federationOfRun } from './reach.ts';
import { integer, pattern, runId } from './schemas/fields.ts';
import {
  budget,
  budgetChain,
  budgetPage,
  limitOrder,
  privacyStatus,
  query,
  queryAnswer,
  runPrivacy,
  subjectKind,
} from './schemas/privacy.ts';

/** Each is composed anew. */
const DEFAULT_PAGE = 50;
const MAX_PAGE = 100;
/** Most federations that a summary speaks of. */
const MAX_SUMMARY = 500;
const TAG = 'Privacy';

export interface PrivacyRoutesContext {
  readonly repository: Pick<Repository, 'getRun' | 'listSubjects' | 'readBudgetEntries'>;
  readonly budgets: Pick<BudgetService, 'budgetOf' | 'spentIn'>;
  readonly limits: LimitService;
  readonly queries: QueryService;
  readonly audit: Pick<AuditLog, 'append'>;
  readonly limitWrites: MiddlewareHandler;
}

const bySubject = z.object({ kind: subjectKind, id: pattern(SUBJECT_ID, SUBJECT_ID_EXPECTED) });
const pageOfSubjects = z.object({
  kind: subjectKind.optional(),
  after: z
    .string()
    .refine((text) => subjectOf(text) !== undefined, { error: 'kind/id of a subject' })
    .optional(),
  limit: integer({ min: 1, max: MAX_PAGE, fallback: DEFAULT_PAGE }),
});

/** What was spent, what may be, and questions that spend. */
export function privacyRoutes(add: AddEndpoint, context: PrivacyRoutesContext): void {
  const { repository, budgets, limits, queries, audit, limitWrites } = context;

  add({
    method: 'get',
    path: '/api/privacy/budgets',
    permission: 'privacy:read',
    tag: TAG,
    summary: 'Budgets of participants, federations, departments and users',
    query: pageOfSubjects,
    answers: { 200: { description: 'A page of them', schema: budgetPage } },
    async handle(c, { query: { kind, after, limit }, caller }) {
      const subjects = await repository.listSubjects({
        releasing: ['participant', 'federation'],
        kind,
        after: after === undefined ? undefined : subjectOf(after),
        limit: limit + 1,
      });
      const shown = subjects.slice(0, limit);
      const last = shown.at(-1);
      const next = subjects.length > limit && last !== undefined ? `${last.kind}/${last.id}` : null;
      await noteReading(audit, caller, shown);
      return c.json({ budgets: await Promise.all(shown.map(budgets.budgetOf)), next });
    },
  });

  add({
    method: 'get',
    path: '/api/privacy/budgets/{kind}/{id}',
    permission: 'privacy:read',
    federation: federationOfSubject,
    tag: TAG,
    summary: 'One budget, with its whole chain of limits and charges',
    params: bySubject,
    answers: { 200: { description: 'The budget', schema: budgetChain } },
    async handle(c, { params: subject, caller }) {
      if (subject.kind !== 'federation') checkReachesAll(caller);
      await noteReading(audit, caller, [subject]);
      const [found, entries] = await Promise.all([
        budgets.budgetOf(subject),
        repository.readBudgetEntries(subject),
      ]);
      return c.json({ ...found, entries });
    },
  });

  add({
    method: 'put',
    path: '/api/privacy/budgets/{kind}/{id}',
    permission: 'privacy:write',
    federation: federationOfSubject,
    tag: TAG,
    summary: 'Sets what may be spent from now on; what was spent before counts',
    use: [limitWrites],
    params: bySubject,
    body: limitOrder,
    answers: { 200: { description: 'The budget', schema: budget } },
    async handle(c, { params: subject, body, caller }) {
      if (subject.kind !== 'federation') checkReachesAll(caller);
      const { epsilon, delta, epsilon_per_query: epsilonPerQuery } = body;
      return c.json(await limits.setLimit(caller, subject, defined({ epsilon, delta, epsilonPerQuery })));
    },
  });

  add({
    method: 'get',
    path: '/api/runs/{run}/privacy',
    permission: 'training:read',
    federation: federationOfRun(repository),
    tag: TAG,
    summary: 'What the federation of a run has spent, in all its runs',
    description: 'And where each that took part in it stands.',
    params: z.object({ run: runId }),
    answers: { 200: { description: 'Spending', schema: runPrivacy } },
    async handle(c, { params }) {
      const { federation } = await repository.getRun(params.run);
      const [privacyBudget, participants] = await Promise.all([
        budgets.budgetOf({ kind: 'federation', id: federation }),
        budgets.spentIn(federation),
      ]);
      return c.json({ run: params.run, federation, privacyBudget, participants });
    },
  });

  add({
    method: 'get',
    path: '/privacy/status',
    permission: 'privacy:read',
    tag: TAG,
    summary: 'What federations, and everyone that was given a limit or charged, have spent',
    answers: { 200: { description: 'The summary', schema: privacyStatus } },
    async handle(c, { caller }) {
      const subjects = await repository.listSubjects({ releasing: ['federation'], limit: MAX_SUMMARY });
      await noteReading(audit, caller, subjects);
      const all = await Promise.all(subjects.map(budgets.budgetOf));
      return c.json({ timestamp: new Date().toISOString(), budgets: all.map(shortened), ...countsOf(all) });
    },
  });

  add({
    method: 'post',
    path: '/api/models/{id}/query',
    permission: 'model:query',
    federation: async (c) => {
      const id = c.req.param('id') ?? '';
      try {
        return (await repository.getRun(id)).federation;
      } catch (thrown) {
        // A federation's own id stands for its current run.
        if (hasCode(thrown, 'http.not-found')) return id;
        throw thrown;
      }
    },
    tag: TAG,
    summary: "Asks a model, at the cost of the asker's privacy budgets",
    description: 'The model is that of a run, or of a federation: then its current run.',
    use: [limitWrites],
    params: z.object({ id: runId }),
    body: query,
    isIdempotent: true,
    answers: { 200: { description: 'The answer, and what it cost', schema: queryAnswer } },
    async handle(c, { params, body: { id, ...asked }, caller }) {
      const name = id ?? c.req.header('idempotency-key') ?? randomUUID();
      const question = defined({ ...asked, id: name, model: params.id });
      return c.json(await queries.query(caller, question, c.req.raw.signal));
    },
  });
}

/** A budget of a federation is its owner's concern too; every other is that of the server. */
function federationOfSubject(c: Context): string | undefined {
  const { kind, id } = c.req.param() as { kind: string; id: string };
  return kind === 'federation' ? id : undefined;
}

/** `kind/id`. */
function subjectOf(text: string): Subject | undefined {
  const [kind = '', id = '', ...more] = text.split('/');
  return isSubjectKind(kind) && SUBJECT_ID.test(id) && more.length === 0 ? { kind, id } : undefined;
}

function shortened({ subject, unit, epsilon, delta, limit, spent, remaining, warning }: PrivacyBudget) {
  return { subject, unit, epsilon, delta, limit, spent, remaining, warning };
}

function countsOf(budgets: readonly PrivacyBudget[]) {
  const count = (warning: PrivacyBudget['warning']) =>
    budgets.filter((budget) => budget.warning === warning).length;
  return { low: count('privacy.budget-low'), exceeded: count('privacy.budget-exceeded') };
}
