import { neighbourhoodsOf, type SecureParameters } from '../../../shared/secagg/index.ts';
import type { NodeState } from '../../../shared/session/index.ts';

/**
 * What the secure part of an attempt waits for. `keys`: everyone's fresh keys. `shares`: everyone's shares, while the
 * device trains; `waiting`: the same, with training done. `ready`: for training. Then masks are put on, slices are on
 * their way, survivors confirm each other, masks come off, sums are checked. `watching`: not in this sum.
 */
export type SecureStage =
  | 'keys'
  | 'shares'
  | 'waiting'
  | 'ready'
  | 'masking'
  | 'sending'
  | 'confirming'
  | 'revealing'
  | 'checking'
  | 'watching';

/** How far this device's part in a secure round is; no secret is in it. */
export interface SecureView {
  readonly round: number;
  readonly stage: SecureStage;
  /** Among how many secrets are shared: the cohort, or this device's neighbourhood in a large one. */
  readonly members: number;
  /** Of them, whose keys and whose shares are here. */
  readonly keys: number;
  readonly shares: number;
  readonly threshold: number;
  /** Undefined until they are fixed. */
  readonly survivors: number | undefined;
  readonly confirmations: number;
}

/** Undefined between rounds, and in a federation without secure aggregation. */
export function secureViewOf({
  participant,
  owner,
}: Pick<NodeState, 'participant' | 'owner'>): SecureView | undefined {
  const attempt = participant?.attempt;
  const secure = attempt?.secure;
  if (attempt === undefined || secure === undefined) return undefined;
  const { term, round, attempt: count } = attempt.attempt;
  const assigned = owner.current;
  const isSame =
    assigned?.attempt.term === term && assigned.attempt.round === round && assigned.attempt.attempt === count;
  const adverts = isSame ? assigned.secure.adverts.length : 0;
  const dealers = isSame ? assigned.secure.dealers.length : 0;
  const { members, threshold } = sizesOf(secure.parameters);
  return {
    round,
    stage: stageOf(attempt, secure, adverts, dealers),
    members,
    keys: Math.min(members, adverts),
    shares: Math.min(members, dealers),
    threshold,
    survivors: secure.survivors?.length,
    confirmations: secure.confirmations,
  };
}

type Attempt = NonNullable<NonNullable<NodeState['participant']>['attempt']>;

function stageOf(
  { phase, update }: Attempt,
  { opened, survivors, reveal }: NonNullable<Attempt['secure']>,
  adverts: number,
  dealers: number,
): SecureStage {
  if (phase.name === 'applying' || phase.name === 'applied') return 'checking';
  if (phase.name === 'watching' && update === undefined) return 'watching';
  if (reveal !== undefined) return 'revealing';
  if (survivors !== undefined) return 'confirming';
  if (update !== undefined) return 'sending';
  if (phase.name === 'masking' && phase.asked) return 'masking';
  if (adverts === 0) return 'keys';
  if (dealers === 0 || !opened) return phase.name === 'masking' ? 'waiting' : 'shares';
  return 'ready';
}

/** The graph of an attempt costs more than a look at it, and snapshots come several times a second. */
const sizes = new WeakMap<SecureParameters, { readonly members: number; readonly threshold: number }>();

function sizesOf(parameters: SecureParameters) {
  const known = sizes.get(parameters);
  if (known !== undefined) return known;
  const { degree, threshold } = neighbourhoodsOf(parameters.context, parameters.cohort);
  const found = { members: degree + 1, threshold };
  sizes.set(parameters, found);
  return found;
}
