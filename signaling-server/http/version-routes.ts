import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import type { EvaluationCounts } from '../../shared/training/port.ts';
import type { Model } from '../../shared/update/index.ts';
import type { Judges } from '../evaluation/judges.ts';
import type { Repository } from '../storage/repository.ts';
import { createSlots } from '../threads/slots.ts';
import { integerQuery, pathParameter } from './parameters.ts';

const MAX_VERSION = 2 ** 32 - 1;
const MAX_PAGE = 1_000;
/** Two models are held for each comparison. */
const MAX_WAITING = 4;

export interface VersionRoutesContext {
  readonly repository: Pick<
    Repository,
    'getRun' | 'getFederation' | 'listLineage' | 'findVersion' | 'readModel'
  >;
  readonly judges: Pick<Judges, 'judgeOf'>;
  readonly limitComparisons: MiddlewareHandler;
}

/** `/api/runs/:run/versions`: where each version comes from, and how two of them differ. */
export function versionRoutes({ repository, judges, limitComparisons }: VersionRoutesContext): Hono {
  const routes = new Hono();
  const comparisons = createSlots(1, MAX_WAITING);
  const runOf = (c: Context): string => pathParameter(c, 'run', /^[A-Za-z0-9_-]{1,64}$/, 'the id of a run');

  routes.get('/:run/versions', async (c) => {
    const from = integerQuery(c, 'from', { fallback: 0, max: MAX_VERSION });
    const limit = integerQuery(c, 'limit', { fallback: MAX_PAGE, min: 1, max: MAX_PAGE });
    return c.json({ versions: await repository.listLineage(runOf(c), from, limit) });
  });

  /** Both models on the same held-out examples, where the operator supplied some; distances in any case. */
  routes.get('/:run/versions/compare', limitComparisons, async (c) => {
    const run = runOf(c);
    const [from, to] = ['from', 'to'].map((name) => integerQuery(c, name, { max: MAX_VERSION })) as [
      number,
      number,
    ];
    const federation = await repository.getFederation((await repository.getRun(run)).federation);
    const { signal } = c.req.raw;
    return comparisons.run(async () => {
      const [first, second] = [await modelOf(run, from), await modelOf(run, to)];
      const compared = await judges.judgeOf(federation).compare(first, second, signal).catch(unjudged);
      const { weights, evaluations, predictions } = compared;
      return c.json({
        run,
        from: aboutOf(first, evaluations?.from),
        to: aboutOf(second, evaluations?.to),
        distance: weights,
        predictions,
      });
    }, signal);
  });

  async function modelOf(run: string, version: number): Promise<Model> {
    return repository.readModel(await repository.findVersion(run, version));
  }

  return routes;
}

function aboutOf({ version, hash }: Model, counts: EvaluationCounts | undefined) {
  if (counts === undefined) return { version, hash, accuracy: null, loss: null, examples: null };
  const { total, correct, lossSum } = counts;
  return { version, hash, accuracy: correct / total, loss: lossSum / total, examples: total };
}

/** What is wrong with the operator's held-out set is no fault of whoever asks. */
function unjudged(thrown: unknown): never {
  const { code } = toErrorRecord(thrown);
  if (!code.startsWith('data.')) throw thrown;
  throw new MurmurationError('http.unavailable', 'The held-out set of this federation cannot be used.', {
    received: code,
    remedy: 'Its operator has to supply it again.',
    cause: thrown,
  });
}
