import type { ErrorRecord } from '../../errors/index.ts';
import { secureThreshold } from '../../federation/index.ts';
import type { NodeId } from '../../identity/index.ts';
import type { MaskedUpdate } from '../../update/index.ts';
import type { AttemptId, Message, MessageOf } from '../../wire/index.ts';
import { compareAttempts, type Effect, type EventOf, type SumSlice, type TimerName } from '../effects.ts';
import { reasonFor } from './reason.ts';
import {
  type AttemptPhase,
  type AttemptState,
  collectDelayMs,
  disputeKey,
  type ParticipantContext,
  type ParticipantState,
  type SecureState,
  sumKey,
} from './state.ts';

/** What the participant's step under way lends to its secure part. */
export interface SecureTurn {
  readonly draft: ParticipantState;
  readonly context: ParticipantContext;
  readonly effects: Effect[];
  /** Its share of the weighted mean, in the attempt under way. */
  weight(): number;
  phase(phase: AttemptPhase): void;
  exchange(update: MaskedUpdate): void;
  collect(): void;
  sumFrom(round: AttemptState, slice: number, owner: NodeId): SumSlice | undefined;
  refuse(attempt: AttemptId, code: string, reason: string): void;
  reply(message: Message): void;
  send(to: NodeId, message: Message): void;
  timer(name: TimerName, delayMs: number): void;
  notice(level: 'info' | 'warning' | 'error', text: string, error?: ErrorRecord | ErrorRecord['code']): void;
}

/**
 * A participant's part in secure aggregation: when it advertises keys, deals shares, masks, confirms and reveals. The
 * secrets are with `shared/secagg/member.ts`; here is only who is told what, when. docs/decisions/0017; SPEC.
 */
export class SecurePart {
  private readonly turn: SecureTurn;

  constructor(turn: SecureTurn) {
    this.turn = turn;
  }

  begin(attempt: AttemptId, message: MessageOf<'invite'>): SecureState | undefined {
    const { ring, run, vectorLength, federationRevision } = this.turn.context;
    if (ring === undefined) return undefined;
    const { cohort, owners } = message.plan;
    return {
      parameters: {
        context: { run, attempt, federationRevision, baseHash: message.base.hash },
        cohort,
        ring,
        vectorLength,
        sliceCount: owners.length,
      },
      opened: false,
      digests: undefined,
      survivors: undefined,
      confirmations: 0,
      reveal: undefined,
      revealedTo: new Set(),
      disputed: new Set(),
      deputySent: false,
    };
  }

  advertise(): void {
    const { attempt, secure } = this.turn.draft.attempt!;
    if (secure === undefined) return;
    this.secure(attempt, {
      name: 'advertise',
      parameters: secure.parameters,
      weight: this.turn.weight(),
    });
  }

  onRoster({ attempt, adverts }: MessageOf<'roster'>): void {
    const round = this.secureRound(attempt);
    if (round === undefined) return;
    // Its keys came too late for this attempt: it waits for the next.
    if (adverts.some(({ participant }) => participant === this.turn.context.self))
      this.secure(attempt, { name: 'share', adverts });
  }

  onInbox({ attempt, dealers, boxes, shares }: MessageOf<'inbox'>): void {
    const round = this.secureRound(attempt);
    if (round === undefined || round.secure.opened || !dealers.includes(this.turn.context.self)) return;
    this.secure(attempt, { name: 'open', inbox: { dealers, boxes, shares } });
  }

  askForMasks(): void {
    const round = this.turn.draft.attempt!;
    if (round.phase.name !== 'masking' || round.phase.asked || !round.secure!.opened) return;
    const { update } = round.phase;
    this.turn.phase({ name: 'masking', update, asked: true });
    this.secure(round.attempt, { name: 'mask', update });
  }

  /**
   * Confirms the survivors, once. @returns false for another set of survivors: a sum over it beside the first would give
   * away the update of whoever is in only one of them.
   */
  confirm(round: AttemptState, survivors: AttemptState['plan']['survivors']): boolean {
    const { secure } = round;
    if (secure === undefined || survivors === null) return true;
    if (secure.survivors !== undefined) {
      if (secure.survivors.join() === survivors.join()) return true;
      const text = 'The coordinator named other survivors than before; nothing is revealed for those.';
      this.turn.notice('error', text, 'secagg.inconsistent');
      this.turn.refuse(round.attempt, 'secagg.inconsistent', text);
      return false;
    }
    const { noise, self } = this.turn.context;
    if (noise?.trust === 'distributed' && survivors.length < secureThreshold(round.plan.cohort.length)) {
      const text = `Of ${survivors.length} survivors the noise would not hide one; nothing is revealed for those.`;
      this.turn.notice('error', text, 'secagg.below-threshold');
      this.turn.refuse(round.attempt, 'secagg.below-threshold', text);
      return false;
    }
    secure.survivors = survivors;
    if (!survivors.includes(self)) return true;
    // From here on masks may come off, whether or not this device helps: the same integers must not go into another sum.
    this.turn.draft.cached = undefined;
    this.secure(round.attempt, { name: 'confirm', survivors });
    return true;
  }

  onConfirmed({ attempt, confirmations }: MessageOf<'confirmed'>): void {
    const round = this.secureRound(attempt);
    if (round === undefined || round.secure.reveal !== undefined) return;
    if (!round.secure.survivors?.includes(this.turn.context.self)) return;
    round.secure.confirmations = confirmations.length;
    this.secure(attempt, { name: 'reveal', confirmations });
  }

  onSecured({ attempt, result }: EventOf<'secured'>): void {
    const round = this.secureRound(attempt);
    if (round === undefined) return;
    const { run } = this.turn.context;
    switch (result.name) {
      case 'advertise':
        return this.turn.reply({ type: 'keys', run, attempt, advert: result.advert });
      case 'share': {
        const { shares, boxes } = result.bundle;
        return this.turn.reply({ type: 'shares', run, attempt, shares, boxes: [...boxes] });
      }
      case 'open':
        round.secure.opened = true;
        this.askForMasks();
        return this.turn.collect();
      case 'mask':
        round.secure.digests = result.digests;
        return this.turn.exchange(result.update);
      case 'confirm':
        return this.turn.reply({ type: 'confirm', run, attempt, confirmation: result.confirmation });
      case 'reveal':
        round.secure.reveal = { digest: result.digest, shares: result.shares };
        this.sendReveals();
        return this.turn.collect();
    }
  }

  onSecureFailed({ attempt, error }: EventOf<'secure-failed'>): void {
    const round = this.secureRound(attempt);
    if (round === undefined) return;
    this.turn.notice('error', error.message, error);
    this.turn.refuse(attempt, error.code, reasonFor(error));
    if (round.phase.name === 'training') this.turn.effects.push({ type: 'cancel-training' });
    if (round.phase.name !== 'applied') this.turn.phase({ name: 'watching' });
  }

  /** To every owner that does not have them yet: the shares that take the masks off the sum, and off nothing else. */
  sendReveals(): void {
    const round = this.turn.draft.attempt;
    const reveal = round?.secure?.reveal;
    if (round?.secure === undefined || reveal === undefined) return;
    for (const owner of round.plan.owners) {
      if (round.secure.revealedTo.has(owner)) continue;
      round.secure.revealedTo.add(owner);
      const { digest, shares } = reveal;
      this.turn.send(owner, {
        type: 'reveal',
        run: this.turn.context.run,
        attempt: round.attempt,
        digest,
        shares: [...shares],
      });
    }
  }

  /** Sums that are wrong are asked for from other owners. */
  dispute(round: AttemptState, slices: readonly number[]): void {
    const wrong = slices.flatMap((slice) => {
      const sum = this.turn.sumFrom(round, slice, round.plan.owners[slice]!);
      return sum === undefined ? [] : [{ slice, owner: sum.owner }];
    });
    for (const { slice, owner } of wrong) {
      round.secure?.disputed.add(disputeKey(slice, owner));
      round.sums.delete(sumKey(slice, round.plan.tally, owner));
    }
    const { attempt, plan, update } = round;
    this.turn.phase(update === undefined ? { name: 'watching' } : { name: 'exchanging', update });
    this.turn.timer('collect', collectDelayMs(round));
    this.turn.reply({
      type: 'dispute',
      run: this.turn.context.run,
      attempt,
      tally: plan.tally,
      slices: wrong.map(({ slice }) => slice),
      owners: wrong.map(({ owner }) => owner),
    });
  }

  private secureRound(attempt: AttemptId): (AttemptState & { readonly secure: SecureState }) | undefined {
    const round = this.turn.draft.attempt;
    if (round?.secure === undefined || compareAttempts(attempt, round.attempt) !== 0) return undefined;
    return round as AttemptState & { readonly secure: SecureState };
  }

  /** The attempt is over: its secrets are wiped. */
  forget(attempt: AttemptId): void {
    this.secure(attempt, { name: 'forget' });
  }

  private secure(attempt: AttemptId, step: Extract<Effect, { type: 'secure' }>['step']): void {
    this.turn.effects.push({ type: 'secure', attempt, step });
  }
}
