import { type Context, Hono, type MiddlewareHandler } from 'hono';
import type { Logger } from 'pino';
import { z } from 'zod';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { combinesGroups } from '../../shared/federation/index.ts';
import { isParticipantId, type ParticipantId } from '../../shared/identity/index.ts';
import type { Gate } from '../reliability/gate.ts';
import { reputationOf } from '../reliability/reputation.ts';
import type { ReliabilityRow, Standing } from '../storage/reliability-repository.ts';
import type { Repository } from '../storage/repository.ts';
import { jsonBody, pathParameter } from './parameters.ts';

/** Participants on one board. */
const MAX_BOARD = 5_000;
const MAX_REASON = 500;
/** No database holds U+0000, or half a surrogate pair. */
const UNSTORABLE = /\p{Surrogate}|\0/u;
const order = z.strictObject({
  reason: z
    .string()
    .trim()
    .max(MAX_REASON)
    .refine((text) => !UNSTORABLE.test(text))
    .default(''),
});

export interface ReliabilityRoutesContext {
  readonly repository: Pick<Repository, 'getFederation' | 'getRun' | 'listReliability' | 'listStandings'>;
  readonly gate: Pick<Gate, 'block' | 'unblock' | 'release'>;
  readonly operatorOnly: MiddlewareHandler;
  readonly limitWrites: MiddlewareHandler;
  readonly log: Pick<Logger, 'info'>;
}

/** How participants keep their appointments, by the ids that the history of rounds shows; and the operator's orders. */
export function reliabilityRoutes(context: ReliabilityRoutesContext): Hono {
  const { repository, gate, operatorOnly, limitWrites, log } = context;
  const routes = new Hono();

  /** Of the run's federation, in all its runs: who contributed most comes first, then who is relied on most. */
  routes.get('/api/runs/:run/reliability', async (c) => {
    const run = pathParameter(c, 'run', /^[A-Za-z0-9_-]{1,64}$/, 'the id of a run');
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
  });

  routes.post('/api/participants/:id/block', limitWrites, operatorOnly, async (c) => {
    const participant = participantOf(c);
    const result = order.safeParse(await bodyOf(c));
    check(result.success, 'http.bad-request', 'The order does not validate.', {
      path: 'reason',
      expected: `{"reason": "at most ${MAX_REASON} characters"}`,
    });
    log.info({ participant }, 'the operator blocks a participant');
    const { state, sinceMs } = await gate.block(participant, result.data.reason);
    return c.json({ participant, state, sinceMs });
  });

  routes.post('/api/participants/:id/unblock', limitWrites, operatorOnly, async (c) => {
    const participant = participantOf(c);
    if (!(await gate.unblock(participant))) throw nothingTo('unblock', 'blocked');
    log.info({ participant }, 'the operator unblocked a participant');
    return c.json({ participant, state: 'clear' });
  });

  routes.post('/api/participants/:id/release', limitWrites, operatorOnly, async (c) => {
    const participant = participantOf(c);
    if (!(await gate.release(participant))) throw nothingTo('release', 'quarantined');
    log.info({ participant }, 'the operator released a participant');
    return c.json({ participant, state: 'clear' });
  });

  return routes;
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

function participantOf(c: Context): ParticipantId {
  const id = c.req.param('id') ?? '';
  check(isParticipantId(id), 'http.bad-request', 'This address is wrong.', {
    path: 'id',
    expected: 'the id of a participant',
    received: `"${id.slice(0, 64)}"`,
  });
  return id;
}

/** An order may come without a body. */
async function bodyOf(c: Context): Promise<unknown> {
  return c.req.header('content-type') === undefined ? {} : jsonBody(c);
}

function nothingTo(what: string, state: string): MurmurationError {
  return new MurmurationError(
    'http.not-found',
    `There is nothing to ${what}: this participant is not ${state}.`,
  );
}
