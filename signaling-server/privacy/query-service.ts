import { createHash } from 'node:crypto';
import { targetLabels } from '../../shared/dataset/index.ts';
import { check, hasCode, MurmurationError } from '../../shared/errors/index.ts';
import { canonicalJson, type Federation } from '../../shared/federation/index.ts';
import type { Identity } from '../../shared/identity/index.ts';
import { createNoise, type PrivacyEvent } from '../../shared/privacy/index.ts';
import type { Caller, Principal } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Judges } from '../evaluation/judges.ts';
import { MAX_QUERY_ROWS } from '../evaluation/query-rows.ts';
import type { Predicted } from '../evaluation/thread-protocol.ts';
import type { Repository } from '../storage/repository.ts';
import type { ModelVersion } from '../storage/run-repository.ts';
import type { BudgetService } from './budget-service.ts';
import { keyedRandom } from './keyed-random.ts';
import { countsEvent, noisyCounts } from './noisy-counts.ts';
import type { PrivacyBudget } from './privacy-budget.ts';
import {
  type ModelQuery,
  QUERY_MODES,
  type QueryAnswer,
  type QueryMode,
  type QueryService,
} from './query.ts';
import { randomizedResponse } from './randomized-response.ts';
import { type Subject, subjectIdOf } from './subject.ts';
import { trainingGuarantee } from './training-guarantee.ts';

export interface QueryServiceOptions {
  readonly repository: Repository;
  readonly budgets: Pick<BudgetService, 'budgetOf' | 'charge'>;
  readonly judges: Pick<Judges, 'judgeOf'>;
  /** What the noise of repeated questions follows from. */
  readonly identity: Pick<Identity, 'sign'>;
  readonly audit: Pick<AuditLog, 'record'>;
  /** The most that one query costs where no limit says so. */
  readonly epsilonPerQuery: number;
}

const QUERY_ID = /^[\w.:-]{1,128}$/;
/** Below, the noise drowns a thousand rows; above, randomized response hardly ever answers otherwise than the truth. */
const MIN_EPSILON = 1e-3;
const MAX_EPSILON = 20;
const MECHANISMS = {
  predictions: 'post-processing',
  labels: 'randomized-response',
  counts: 'discrete-laplace',
} as const;
const PROTECTS: Readonly<Record<QueryMode, string>> = {
  predictions:
    'The records that the model was trained on, by the guarantee of the training. Rows of this query are not protected.',
  labels:
    'Each row of this query, from those who read the answer: any other row could have been in its place.',
  counts:
    'Each row of this query, from those who read the answer: any other row could have been in its place.',
};

/**
 * Answers questions to a stored model, and says whom the answer protects.
 *
 * Two sets of people are behind an answer. *Those whose records the model was trained on* are protected by how it was trained, or not at all: from one model no
 * mechanism can be calibrated to them, since one record may move its outputs anywhere (sample and aggregate, PATE and the like need many models of disjoint
 * data). A model trained with differential privacy may be asked anything, by post-processing (Dwork and Roth 2014, proposition 2.1); one without is
 * not asked for plain predictions. *Those whom the rows describe* are protected towards readers of the answer by randomized response for each label, and by geometric
 * noise on counts: both have a sensitivity that does not depend on the model. This server and the asker see the rows.
 *
 * Charged are, all or none, the asker's user and department, and the federation where the operator set it a limit: somebody may be in a row and in the
 * training data as well, and no more than the sum is ever known of anyone. For predictions, which cost nothing more, user and department are charged the
 * same, as a ration. The noise follows from the question and a secret of this server, so that asking again cannot average it away.
 */
export function createQueryService(options: QueryServiceOptions): QueryService {
  const { repository, budgets, judges, identity, audit, epsilonPerQuery } = options;

  async function modelOf(id: string): Promise<{ run: string; federation: Federation }> {
    try {
      const { id: run, federation } = await repository.getRun(id);
      return { run, federation: await repository.getFederation(federation) };
    } catch (thrown) {
      if (!hasCode(thrown, 'http.not-found')) throw thrown;
      const federation = await repository.getFederation(id);
      return { run: (await repository.currentRun(federation)).id, federation };
    }
  }

  /** Whom it is charged to, and how much it may be. */
  async function accountOf({ principal }: Caller, federation: Federation, query: ModelQuery) {
    const asker = subjectsOf(principal);
    const own = { kind: 'federation', id: federation.id } as const;
    const isLimited = (await repository.readAccount(own)).limit !== undefined;
    check(isLimited || principal.kind !== 'participant', 'privacy.policy-unmet', 'This takes an account.', {
      expected: 'a key or a token, or a federation that the operator set a limit',
      received:
        'the token of a device: anybody makes as many devices as they like, each with a budget of its own',
      remedy: 'Ask whoever runs this server for a key, or for a limit of the federation.',
    });
    const drawsOnFederation = query.mode !== 'predictions' && isLimited;
    const subjects = drawsOnFederation ? [...asker, own] : asker;
    const limits = (await Promise.all(subjects.map(budgets.budgetOf))).flatMap(
      ({ limit }) => limit?.epsilon_per_query ?? [],
    );
    const most = limits.length === 0 ? epsilonPerQuery : Math.min(...limits);
    const epsilon = query.epsilon ?? most;
    check(epsilon <= most, 'privacy.budget-exceeded', 'No single query may cost that much.', {
      path: 'epsilon',
      expected: `at most ${most}`,
      received: String(epsilon),
      remedy: 'Ask with a smaller epsilon: the answer is noisier.',
    });
    return { subjects, epsilon };
  }

  return {
    async query(caller, query, signal) {
      checkQuery(query);
      const { run, federation } = await modelOf(query.model);
      const fits = await repository.runFits(run, federation);
      check(fits, 'model.unavailable', 'The federation has changed since this model was trained.', {
        remedy: 'Ask the current run of the federation.',
      });
      const version = await repository.findVersion(run, query.version ?? 'latest');
      const training = await trainingGuarantee(
        { federation, run, version: version.version },
        repository,
        budgets,
      );
      if (query.mode === 'predictions' && training === undefined) throw unprotected();
      const { subjects, epsilon } = await accountOf(caller, federation, query);

      const model = await repository.readModel(version);
      const predicted = await judges.judgeOf(federation).predict(model, query.rows, signal);
      const classes = targetLabels(federation.data);
      if (query.mode !== 'predictions') checkClasses(classes);

      const chargeId = idOf(caller.principal, query, { run, version, epsilon });
      const event = eventOf(query.mode, epsilon);
      const charged = await audit.record(caller, {
        action: 'model.query',
        subject: `federation:${federation.id}`,
        after: { run, version: version.version, mode: query.mode, rows: query.rows.length, epsilon },
        effect: () => budgets.charge(chargeId, subjects, event),
      });
      const random = keyedRandom(await noiseKey(identity, chargeId));
      return {
        id: query.id,
        federation: federation.id,
        run,
        version: version.version,
        hash: version.hash,
        mode: query.mode,
        rows: query.rows.length,
        classes: classes ?? null,
        ...released(query.mode, predicted, federation, epsilon, random),
        privacy: {
          mechanism: MECHANISMS[query.mode],
          protects: PROTECTS[query.mode],
          epsilon,
          training: training ?? null,
          charged: charged.map(chargedOf),
        },
      };
    },
  };
}

type Released = Pick<QueryAnswer, 'predictions' | 'labels' | 'counts'>;

function released(
  mode: QueryMode,
  predicted: Predicted,
  { data }: Federation,
  epsilon: number,
  random: ReturnType<typeof keyedRandom>,
): Released {
  const classes = targetLabels(data);
  const { outputs, width } = predicted;
  if (classes === undefined) {
    const target = 'target' in data && data.target.type === 'value' ? data.target : { mean: 0, scale: 1 };
    return { predictions: Array.from(outputs, (value) => ({ value: value * target.scale + target.mean })) };
  }
  const likeliest = likeliestOf(predicted);
  const noise = createNoise(random);
  switch (mode) {
    case 'predictions':
      return {
        predictions: Array.from(likeliest, (best, row) => ({
          label: classes[best]!,
          probability: outputs[row * width + best]!,
        })),
      };
    case 'labels': {
      const labels = randomizedResponse(likeliest, classes.length, epsilon, { noise, random });
      return { labels: Array.from(labels, (label) => classes[label]!) };
    }
    case 'counts':
      return { counts: [...noisyCounts(likeliest, classes.length, epsilon, noise)] };
  }
}

/** The class of the largest probability in each row, the first of several. */
function likeliestOf({ outputs, width }: Predicted): Uint16Array {
  return Uint16Array.from({ length: outputs.length / width }, (_, row) => {
    const ofRow = outputs.subarray(row * width, (row + 1) * width);
    return ofRow.indexOf(Math.max(...ofRow));
  });
}

/** Rows are answered each by itself, and neighbours differ in one: all labels together cost what one does. */
function eventOf(mode: QueryMode, epsilon: number): PrivacyEvent {
  return mode === 'counts' ? countsEvent(epsilon) : { mechanism: 'approximate', epsilon, delta: 0 };
}

/** @throws `http.unauthorized`: nobody could be charged. */
function subjectsOf({ kind, name, user, department }: Principal): Subject[] {
  check(kind !== 'anonymous', 'http.unauthorized', 'Queries are charged to somebody.', {
    remedy: 'Show a key or a token.',
  });
  const asker: Subject = { kind: 'user', id: subjectIdOf(user ?? name) };
  return department === undefined ? [asker] : [asker, { kind: 'department', id: subjectIdOf(department) }];
}

/** All that an answer follows from: another question under an id that was used is another charge. */
function idOf(
  { name }: Principal,
  { id, mode, rows }: ModelQuery,
  {
    run,
    version,
    epsilon,
  }: { readonly run: string; readonly version: ModelVersion; readonly epsilon: number },
): string {
  const question = { asker: name, id, run, hash: version.hash, mode, rows, epsilon };
  return `query:${createHash('sha256').update(canonicalJson(question)).digest('hex')}`;
}

/** Ed25519 signatures are deterministic (RFC 8032, section 5.1.6); this one is never shown to anybody. */
async function noiseKey(identity: Pick<Identity, 'sign'>, chargeId: string): Promise<Uint8Array> {
  const message = new TextEncoder().encode(`murmuration/query-noise/v1\n${chargeId}`);
  return createHash('sha256')
    .update(await identity.sign(message))
    .digest();
}

function chargedOf({ subject, epsilon, delta, remaining, limit }: PrivacyBudget) {
  return { subject, epsilon, delta, remaining, limit: limit?.epsilon ?? null };
}

function checkQuery({ id, mode, rows, epsilon }: ModelQuery): void {
  check(QUERY_ID.test(id), 'argument.invalid', 'This cannot be the id of a query.', {
    path: 'id',
    expected: '1 to 128 letters, digits and . _ : -',
  });
  check(QUERY_MODES.includes(mode), 'argument.invalid', 'There is no such mode.', {
    path: 'mode',
    expected: QUERY_MODES.join(', '),
  });
  check(
    rows.length > 0 && rows.length <= MAX_QUERY_ROWS,
    'argument.invalid',
    'These are not rows to ask about.',
    {
      path: 'rows',
      expected: `1 to ${MAX_QUERY_ROWS} rows`,
      received: String(rows.length),
    },
  );
  check(
    epsilon === undefined || (epsilon >= MIN_EPSILON && epsilon <= MAX_EPSILON),
    'privacy.invalid-parameter',
    'Epsilon is out of range.',
    { path: 'epsilon', expected: `${MIN_EPSILON} to ${MAX_EPSILON}`, received: String(epsilon) },
  );
}

function checkClasses(classes: readonly string[] | undefined): asserts classes is readonly string[] {
  check(
    classes !== undefined && classes.length >= 2,
    'privacy.policy-unmet',
    'This model answers with values, whose range nothing bounds.',
    {
      path: 'mode',
      expected: 'a model of classes',
      remedy:
        'Only a model trained with differential privacy can be asked for values, with mode "predictions".',
    },
  );
}

function unprotected(): MurmurationError {
  return new MurmurationError('privacy.policy-unmet', 'This model was trained without a privacy guarantee.', {
    path: 'mode',
    expected: 'a model trained with differential privacy, all of whose releases this server knows',
    remedy:
      'Ask for "labels" or "counts", which protect the rows of the query; nothing here can protect the training records.',
  });
}
