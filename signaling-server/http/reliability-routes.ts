import { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { MurmurationError } from '../../shared/errors/index.ts';
import { combinesGroups } from '../../shared/federation/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Gate } from '../reliability/gate.ts';
import { reputationOf } from '../reliability/reputation.ts';
import type { ReliabilityRow, Standing } from '../storage/reliability-repository.ts';
import type { Repository } from '../storage/repository.ts';
import type { AddEndpoint } from './endpoint.ts';
import { federationOfRun } from './reach.ts';
import { atMs, line, participantId, runId } from './schemas/fields.ts';

/** Participants on one board. */
const MAX_BOARD = 5_000;
const MAX_REASON = 500;
const TAG = 'Participants';
const byId = z.object({ id: participantId });
const count = z.int();
const board = z
  .object({
    run: z.string(),
    federation: z.string(),
    participants: z.array(
      z
        .object({
          participant: z.string(),
          invitations: count,
          trained: count,
          uploaded: count,
          survived: count,
          missedDeadlines: count,
          dropOuts: count,
          rejections: count,
          refusals: z.record(z.string(), count),
          meanTrainMs: z.number().nullable(),
          reputation: z.number(),
          contribution: z.number().nullable(),
          anomaly: z.number().nullable(),
          standing: z
            .object({
              state: z.enum(['blocked', 'quarantined']),
              untilMs: atMs.nullable(),
              cause: z.string().nullable(),
            })
            .nullable(),
        })
        .openapi('Reliability'),
    ),
  })
  .openapi('ReliabilityBoard');
const cleared = z
  .object({ participant: z.string(), state: z.literal('clear') })
  .openapi('ParticipantCleared');

export interface ReliabilityRoutesContext {
  readonly repository: Pick<Repository, 'getFederation' | 'getRun' | 'listReliability' | 'listStandings'>;
  readonly gate: Pick<Gate, 'block' | 'unblock' | 'release'>;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly limitWrites: MiddlewareHandler;
}

/** How participants keep their appointments, by the ids that the history of rounds shows; and orders about them. */
export function reliabilityRoutes(add: AddEndpoint, context: ReliabilityRoutesContext): void {
  const { repository, gate, audit, limitWrites } = context;

  add({
    method: 'get',
    path: '/api/runs/{run}/reliability',
    permission: 'training:read',
    federation: federationOfRun(repository),
    tag: TAG,
    summary: 'Who can be counted on',
    description:
      "Of the run's federation, in all its runs: who contributed most comes first, then who is relied on most.",
    params: z.object({ run: runId }),
    answers: { 200: { description: 'The board', schema: board } },
    async handle(c, { params: { run } }) {
      const { federation } = await repository.getRun(run);
      const [document, rows, standings] = await Promise.all([
        repository.getFederation(federation),
        repository.listReliability(federation, MAX_BOARD),
        repository.listStandings(federation),
      ]);
      const isOfGroups = combinesGroups(document);
      const standingOf = new Map<string, Standing>();
      for (const standing of standings)
        if (standing.state === 'blocked' || !standingOf.has(standing.participant))
          standingOf.set(standing.participant, standing);
      const participants = rows
        .map((row) => lineOf(row, standingOf.get(row.participant), isOfGroups))
        .sort(
          (a, b) =>
            (b.contribution ?? -Infinity) - (a.contribution ?? -Infinity) ||
            b.reputation - a.reputation ||
            b.survived - a.survived ||
            (a.participant < b.participant ? -1 : 1),
        );
      return c.json({ run, federation, participants });
    },
  });

  add({
    method: 'post',
    path: '/api/participants/{id}/block',
    permission: 'participant:write',
    tag: TAG,
    summary: 'Keeps a participant out of every federation',
    use: [limitWrites],
    params: byId,
    body: z.strictObject({ reason: line(MAX_REASON, 0).default('') }),
    isBodyOptional: true,
    answers: {
      200: {
        description: 'Since when',
        schema: z
          .object({ participant: z.string(), state: z.literal('blocked'), sinceMs: atMs })
          .openapi('ParticipantBlocked'),
      },
    },
    async handle(c, { params, body, caller }) {
      const participant = params.id as ParticipantId;
      const { state, sinceMs } = await audit.record(caller, {
        action: 'participant.block',
        subject: `participant:${participant}`,
        effect: () => gate.block(participant, body.reason),
      });
      return c.json({ participant, state, sinceMs });
    },
  });

  const undo = [
    ['unblock', 'blocked', 'Lets a participant in again'],
    ['release', 'quarantined', 'Ends the quarantines of a participant'],
  ] as const;
  for (const [verb, state, summary] of undo)
    add({
      method: 'post',
      path: `/api/participants/{id}/${verb}`,
      permission: 'participant:write',
      tag: TAG,
      summary,
      use: [limitWrites],
      params: byId,
      body: z.looseObject({}),
      isBodyOptional: true,
      answers: { 200: { description: 'It may take part', schema: cleared } },
      async handle(c, { params, caller }) {
        const participant = params.id as ParticipantId;
        await audit.record(caller, {
          action: `participant.${verb}`,
          subject: `participant:${participant}`,
          async effect() {
            if (!(await gate[verb](participant))) throw nothingTo(verb, state);
          },
        });
        return c.json({ participant, state: 'clear' });
      },
    });
}

/**
 * What anyone may see. Why somebody was blocked is between them and the operator. Scores of single updates would tell something about them:
 * those of groups' sums are shown alone.
 */
function lineOf(row: ReliabilityRow, standing: Standing | undefined, isOfGroups: boolean) {
  const { successes, failures, suspicion, contribution, scoredRounds, trainMsSum, ...counts } = row;
  const isScored = isOfGroups && scoredRounds > 0;
  return {
    ...counts,
    meanTrainMs: row.trained === 0 ? null : trainMsSum / row.trained,
    reputation: reputationOf({ successes, failures }),
    contribution: isScored ? contribution : null,
    anomaly: isScored ? suspicion : null,
    standing:
      standing === undefined
        ? null
        : {
            state: standing.state,
            untilMs: standing.untilMs,
            cause: standing.state === 'quarantined' ? standing.reason : null,
          },
  };
}

function nothingTo(what: string, state: string): MurmurationError {
  return new MurmurationError(
    'http.not-found',
    `There is nothing to ${what}: this participant is not ${state}.`,
  );
}
