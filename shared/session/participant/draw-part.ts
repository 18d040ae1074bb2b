import type { ErrorRecord } from '../../errors/index.ts';
import { type NodeId, SERVER } from '../../identity/index.ts';
import { sameBytes } from '../../secagg/index.ts';
import type { AttemptId, Message, MessageOf, Plan } from '../../wire/index.ts';
import { compareAttempts, type Effect } from '../effects.ts';
import { commitmentTo, findUnfair, nonceFrom, type ShownDraw } from '../groups.ts';
import type { AttemptState, ParticipantContext, ParticipantState } from './state.ts';

type Bytes = Uint8Array<ArrayBuffer>;

interface Nonce {
  readonly nonce: Bytes;
  readonly commitment: Bytes;
}

/** Its part in draws of groups. Nonces are no secrets any more once they are revealed, and say nothing of anyone's data. */
export interface DrawsState {
  /** Committed to, and to be revealed in the next draw. */
  readonly own: Nonce | undefined;
  /** Revealed last. */
  readonly spent: Nonce | undefined;
  /** The last draw that it answered, as it was shown to it. */
  readonly shown: (ShownDraw & { readonly attempt: AttemptId }) | undefined;
}

/** What the participant's step under way lends to its part in draws. */
export interface DrawTurn {
  readonly draft: ParticipantState;
  readonly context: ParticipantContext;
  readonly effects: Effect[];
  readonly entropy: string;
  join(): void;
  collect(): void;
  refuse(attempt: AttemptId, code: string, reason: string): void;
  reply(message: Message): void;
  notice(level: 'info' | 'warning' | 'error', text: string, error?: ErrorRecord | ErrorRecord['code']): void;
}

/** A participant's part in rounds of several groups: what it reveals when, and which groups it takes. SPEC G-01 to G-12. */
export class DrawPart {
  private readonly turn: DrawTurn;

  constructor(turn: DrawTurn) {
    this.turn = turn;
  }

  /** For the next draw; the same until it is revealed. */
  commitment(): Bytes | undefined {
    const { draft, context } = this.turn;
    if (context.groups === undefined) return undefined;
    draft.draws = { ...draft.draws, own: draft.draws.own ?? this.freshNonce() };
    return draft.draws.own!.commitment;
  }

  onDraw(from: NodeId, message: MessageOf<'draw'>): void {
    const { draft, context } = this.turn;
    const { attempt, cohort, commitments } = message;
    const { own, spent, shown } = draft.draws;
    if (context.groups === undefined || !cohort.includes(context.self)) return;
    if (draft.status.name === 'paused' || draft.status.name === 'finished') return;
    const order = shown === undefined ? 1 : compareAttempts(attempt, shown.attempt);
    if (order < 0) return;
    if (order === 0) {
      if (isSameDraw(shown!, message)) return this.reveal(attempt, spent!.nonce);
      return this.refuseDraw(attempt, 'The coordinator drew twice for one attempt.');
    }
    const isInOrder = cohort.every((id, i) => i === 0 || cohort[i - 1]! < id);
    if (from !== SERVER || !isInOrder || commitments.length !== cohort.length)
      return this.refuseDraw(attempt, 'What is to be drawn is not a list of participants and commitments.');
    if (cohort.length > context.groups.maxParticipants)
      return this.refuseDraw(attempt, 'More participants are in the draw than the federation allows.');
    const commitment = commitments[cohort.indexOf(context.self)]!;
    if (own === undefined || !sameBytes(commitment, own.commitment)) {
      // The coordinator missed the last one: it is told again, and this draw goes on without us.
      if (spent !== undefined && sameBytes(commitment, spent.commitment)) return this.turn.join();
      return this.refuseDraw(attempt, 'The commitment of this participant was replaced by another.');
    }
    draft.draws = { own: this.freshNonce(), spent: own, shown: { attempt, cohort, commitments } };
    this.reveal(attempt, own.nonce);
  }

  /** @returns what speaks against the groups that this invitation is for. */
  unfairness({ attempt, federationRevision, plan, draw }: MessageOf<'invite'>): string | undefined {
    const { draft, context } = this.turn;
    const { groups, run, self } = context;
    if (draw === undefined && plan.group === undefined) return undefined;
    const { shown, spent } = draft.draws;
    if (groups === undefined || draw === undefined || plan.group === undefined)
      return 'Groups without a draw, or a draw without groups.';
    if (shown === undefined || spent === undefined || compareAttempts(shown.attempt, attempt) !== 0)
      return 'This participant did not take part in the draw of these groups.';
    const { index, count } = plan.group;
    const claim = { cohort: plan.cohort, index, count };
    return findUnfair({ run, attempt, federationRevision }, groups, shown, draw, claim, self, spent.nonce);
  }

  refuseDraw(attempt: AttemptId, reason: string): void {
    const error = { code: 'round.unfair-draw', message: reason } as const;
    this.turn.notice('error', `Refused the draw of groups for round ${attempt.round}.`, error);
    this.turn.refuse(attempt, error.code, reason);
  }

  /** Whom a plan is for, and which group that is, stays as it was drawn. */
  isOfAnotherGroup({ draw, plan }: AttemptState, next: Plan): boolean {
    if (draw === undefined) return false;
    return next.cohort.join() !== plan.cohort.join() || next.group?.index !== plan.group?.index;
  }

  /** Its own group's sum is good: the server puts it together with those of the others. */
  onSummed(round: AttemptState, tally: number, hash: string): void {
    round.summed = { tally, hash };
    const { attempt } = round;
    this.turn.reply({ type: 'summed', run: this.turn.context.run, attempt, tally, hash });
    this.applyTotal();
  }

  onTotal(from: NodeId, message: MessageOf<'total'>): void {
    const round = this.turn.draft.attempt;
    if (round?.draw === undefined || compareAttempts(message.attempt, round.attempt) !== 0) return;
    if (from !== SERVER || round.total !== undefined) return;
    if (message.values.byteLength !== this.turn.context.vectorLength * 4)
      return this.turn.notice('warning', 'The sum of all groups has the wrong size.', 'update.wrong-length');
    round.total = message;
    this.applyTotal();
  }

  /** The sum of its own group is checked first: what is wrong there must not be lost in the total. */
  private applyTotal(): void {
    const { draft, effects } = this.turn;
    const round = draft.attempt!;
    if (round.total === undefined || round.summed?.tally !== round.plan.tally) return;
    if (round.phase.name !== 'applying' || draft.model?.hash !== round.base.hash) return;
    const { attempt, plan, total } = round;
    const { weight, values } = total;
    effects.push({ type: 'apply-total', attempt, tally: plan.tally, base: draft.model, weight, values });
  }

  private reveal(attempt: AttemptId, nonce: Bytes): void {
    const { run } = this.turn.context;
    const next = this.commitment()!;
    this.turn.reply({ type: 'nonce', run, attempt, nonce, next });
  }

  private freshNonce(): Nonce {
    const { run, self } = this.turn.context;
    const nonce = nonceFrom(run, self, this.turn.entropy);
    return { nonce, commitment: commitmentTo(run, self, nonce) };
  }
}

function isSameDraw(shown: ShownDraw, { cohort, commitments }: ShownDraw): boolean {
  return (
    shown.cohort.join() === cohort.join() &&
    shown.commitments.length === commitments.length &&
    shown.commitments.every((commitment, i) => sameBytes(commitment, commitments[i]!))
  );
}
