import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { isCommitted, type ShareCommitments } from '../secagg/index.ts';
import type { NodeState } from '../session/index.ts';
import { type AttemptId, encodeMessage, type Message, type MessageOf } from '../wire/index.ts';

/**
 * Sees what every engine of a simulated world says, before any lie or loss, and holds it to the rules that secrecy stands
 * on: one set of survivors fixed (A-33), of at least three (A-02), and confirmed (A-30), one kind of share per dealer (A-32), one masked vector (A-12), no update sent
 * again after it was named among survivors (A-34), and no participant invited to two attempts of one name (R-01).
 */
export interface SecrecyWatch {
  /** What was broken, in words; each once. */
  readonly broken: ReadonlySet<string>;
  /** How many messages of these types were seen: a watch that sees none proves nothing. */
  readonly seen: ReadonlyMap<'confirm' | 'reveal' | 'slice', number>;
  /** @param training serial number of the training whose update `from` sends now. */
  says(from: NodeId, to: NodeId, message: Message, state: NodeState, training: number | undefined): void;
}

export function createSecrecyWatch(): SecrecyWatch {
  const broken = new Set<string>();
  const seen = new Map<'confirm' | 'reveal' | 'slice', number>();
  /** Signatures, by attempt and participant: they are deterministic, so that another one is for other survivors. */
  const confirmed = new Map<string, string>();
  const invited = new Map<string, string>();
  const survivors = new Map<string, string>();
  const commitments = new Map<string, ShareCommitments>();
  const revealed = new Map<string, string>();
  /** The same bytes go to every owner. */
  const checked = new WeakSet<Uint8Array>();
  const slices = new Map<string, string>();
  const trainings = new Map<string, number>();
  /** Trainings of which an update was named among survivors, with the attempt. */
  const named = new Map<string, string>();

  function once(known: Map<string, string>, key: string, value: string, rule: string): void {
    const before = known.get(key);
    if (before === undefined) known.set(key, value);
    else if (before !== value) broken.add(`${rule}: ${key}`);
  }

  function onReveal(from: ParticipantId, { attempt, shares }: MessageOf<'reveal'>, state: NodeState): void {
    const parameters = state.participant?.attempt?.secure?.parameters;
    if (parameters === undefined) return;
    for (const { dealer, share } of shares) {
      const key = `${tagOf(attempt)} ${dealer}`;
      const committed = commitments.get(key);
      if (committed === undefined || checked.has(share)) continue;
      checked.add(share);
      const kinds = (['self', 'mask'] as const).filter((kind) =>
        isCommitted(parameters, committed, from, kind, share),
      );
      if (kinds.length !== 1) broken.add(`a share of neither kind was revealed: ${key} by ${from}`);
      else once(revealed, key, kinds[0]!, 'A-32, both kinds of share were revealed');
    }
  }

  function onSlice(
    from: NodeId,
    { attempt, slice, values }: MessageOf<'slice'>,
    training: number | undefined,
  ): void {
    const key = `${tagOf(attempt)} ${from}`;
    once(slices, `${key} slice ${slice}`, values.join(), 'A-12, two owners got different vectors');
    if (training === undefined) return;
    trainings.set(key, training);
    const before = named.get(`${from} ${training}`);
    if (before !== undefined && before !== tagOf(attempt))
      broken.add(`A-34, ${from} sent in ${tagOf(attempt)} what was named among survivors in ${before}`);
  }

  function onPlan(from: NodeId, { attempt, plan }: MessageOf<'plan'>): void {
    if (plan.survivors === null) return;
    const key = `${tagOf(attempt)} by ${from}${plan.group === undefined ? '' : ` group ${plan.group.index}`}`;
    once(survivors, key, plan.survivors.join(), 'A-33, survivors changed once they were fixed');
    if (plan.survivors.length < 3) broken.add(`A-02, fewer than three survivors: ${key}`);
    for (const id of plan.survivors) {
      const training = trainings.get(`${tagOf(attempt)} ${id}`);
      if (training !== undefined) named.set(`${id} ${training}`, tagOf(attempt));
    }
  }

  return {
    broken,
    seen,
    says(from, to, message, state, training) {
      if (message.type === 'confirm' || message.type === 'reveal' || message.type === 'slice')
        seen.set(message.type, (seen.get(message.type) ?? 0) + 1);
      switch (message.type) {
        case 'invite': {
          const { attempt, base, plan } = message;
          const what = `${from} ${base.hash} ${plan.cohort.join()}`;
          // Only the server is told of several groups of one attempt.
          const place = to === SERVER && plan.group !== undefined ? `${to} ${plan.group.index}` : to;
          return once(invited, `${tagOf(attempt)} ${place}`, what, 'R-01, two attempts have one name');
        }
        case 'shares':
          commitments.set(`${tagOf(message.attempt)} ${message.shares.dealer}`, message.shares);
          return;
        case 'confirm':
          return once(
            confirmed,
            `${tagOf(message.attempt)} ${from}`,
            encodeMessage(message).join(),
            'A-30, two sets of survivors were confirmed',
          );
        case 'reveal':
          return onReveal(from as ParticipantId, message, state);
        case 'slice':
          return onSlice(from, message, training);
        case 'plan':
          return onPlan(from, message);
      }
    },
  };
}

function tagOf({ term, round, attempt }: AttemptId): string {
  return `${term}.${round}.${attempt}`;
}
