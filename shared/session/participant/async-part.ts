import type { ErrorRecord } from '../../errors/index.ts';
import type { NodeId } from '../../identity/index.ts';
import { stopsReleases } from '../../ledger/index.ts';
import type { AttemptId, Message, MessageOf, ModelRef } from '../../wire/index.ts';
import { compareAttempts, type Effect, type EventOf } from '../effects.ts';
import type { TrainResult } from '../ports.ts';
import type { ParticipantContext, ParticipantState } from './state.ts';

/**
 * What a participant does at its own pace, between rounds. While an attempt is under way none of it changes, but that an update may
 * be spent; whatever is over or missing is seen to at the end of each step. docs/SPEC.md, section 19.
 */
export interface PaceState {
  /** From which model training is under way. */
  readonly training: ModelRef | undefined;
  readonly held: HeldUpdate | undefined;
  /** An update is being protected: what comes of it comes before anything is trained. */
  readonly isProtecting: boolean;
  /** Training from the model of this hash failed: not tried again before something changes. */
  readonly failedFrom: string | undefined;
  /** The coordinator knows of the update held. */
  readonly isAnnounced: boolean;
  /** The newest model is on its way here. */
  readonly fetching: string | undefined;
  /** Who is said to hold it. */
  readonly holders: readonly NodeId[];
}

export interface HeldUpdate {
  readonly result: TrainResult;
  /** What it was trained from. */
  readonly base: ModelRef;
  /** The base of the round that a release of it was written for. */
  readonly releasedFor: ModelRef | undefined;
  /** Whether a slice of it was sent. */
  readonly hasLeft: boolean;
  /** An attempt of unknown outcome in which all of it was sent. */
  readonly uploadedIn: AttemptId | undefined;
}

export const initialPace: PaceState = {
  training: undefined,
  held: undefined,
  isProtecting: false,
  failedFrom: undefined,
  isAnnounced: false,
  fetching: undefined,
  holders: [],
};

/** What the participant's step under way lends to its asynchronous part. */
export interface PaceTurn {
  readonly draft: ParticipantState;
  readonly context: ParticipantContext;
  readonly effects: Effect[];
  readonly entropy: string;
  pause(): void;
  reply(message: Message): void;
  notice(level: 'info' | 'warning' | 'error', text: string, error?: ErrorRecord | ErrorRecord['code']): void;
}

/** A participant's part in asynchronous rounds. Does nothing in federations without them. SPEC E-01 to E-16. */
export class AsyncPart {
  private readonly turn: PaceTurn;

  constructor(turn: PaceTurn) {
    this.turn = turn;
  }

  /** Undefined where everyone trains when invited. */
  get limits(): ParticipantContext['pace'] {
    return this.turn.context.pace;
  }

  /** The update that a round from this base may have; undefined where there is none, or it is too old. SPEC E-06. */
  heldFor(base: ModelRef): HeldUpdate | undefined {
    const { held } = this.pace;
    return held === undefined || this.isSpent(held, base.version) ? undefined : held;
  }

  /** In a round from this base; 1 is what is not stale. SPEC E-03. */
  weightIn(base: ModelRef): number {
    const { weight, pace } = this.turn.context;
    const { held } = this.pace;
    return pace === undefined || held === undefined ? weight : pace.weightAt(stalenessOf(held, base));
  }

  /** Before an update is protected. SPEC E-08. */
  onProtecting(base: ModelRef): void {
    this.set({ isProtecting: true });
    const { held } = this.pace;
    if (held !== undefined) this.set({ held: { ...held, releasedFor: base } });
  }

  /** Whether it is being protected for this base already, for an attempt that is over: once is enough. */
  isUnderWay(base: ModelRef): boolean {
    return this.pace.isProtecting && this.pace.held?.releasedFor?.hash === base.hash;
  }

  /** @returns whether what was protected is still the update held. */
  onProtected(baseHash: string): boolean {
    this.set({ isProtecting: false });
    return this.limits === undefined || this.pace.held?.releasedFor?.hash === baseHash;
  }

  onTrained({ baseHash, result }: EventOf<'trained'>): void {
    const { training } = this.pace;
    if (training?.hash !== baseHash) return;
    this.set({ training: undefined, isAnnounced: false });
    this.set({
      held: { result, base: training, releasedFor: undefined, hasLeft: false, uploadedIn: undefined },
    });
    this.turn.draft.cached = undefined;
  }

  /** @returns whether it was its own training, or protecting for an attempt that is over, that failed. */
  onFailed(error: ErrorRecord): boolean {
    if (this.limits === undefined) return false;
    const { training } = this.pace;
    if (training === undefined) {
      // What cannot be protected is of no use in any other round.
      this.drop();
      this.set({ isProtecting: false });
      if (this.turn.draft.attempt !== undefined) return false;
    }
    this.turn.notice('error', error.message, error);
    this.set({ training: undefined, failedFrom: training?.hash });
    if (stopsReleases(error.code)) this.turn.pause();
    return true;
  }

  /** A slice of it was sent: masked, it may be in a sum that is not heard of. SPEC A-36. */
  onLeft(): void {
    const { held } = this.pace;
    if (held !== undefined) this.set({ held: { ...held, hasLeft: true } });
  }

  /** All of it was sent: it may be in a sum that is not heard of. SPEC E-09. */
  onUploaded(attempt: AttemptId, isHidden: boolean): void {
    const { held } = this.pace;
    if (held === undefined) return;
    if (isHidden) this.drop();
    else this.set({ held: { ...held, uploadedIn: attempt } });
  }

  /** The word of a coordinator: it may have forgotten what this device holds. */
  onWelcome(): void {
    this.set({ isAnnounced: false, fetching: undefined, failedFrom: undefined });
  }

  /** An invitation uses the readiness up, whatever becomes of it. */
  onInvited(): void {
    this.set({ isAnnounced: false });
  }

  /** Whether the update was in the sum, and whether the attempt under way is over. SPEC E-09, E-10. */
  onCommit({ record }: MessageOf<'commit'>): void {
    const { draft, context } = this.turn;
    if (this.limits === undefined) return;
    const isNews = draft.attempt === undefined || compareAttempts(record, draft.attempt.attempt) >= 0;
    // Whoever goes back to an earlier version has no cohort.
    if (record.rollback !== undefined) this.takeBack(record.rollback.to, record.round);
    else if (isNews && record.round >= this.newest)
      draft.electorate = [...record.survivors, ...record.dropped].sort();
    const { held } = this.pace;
    if (held === undefined) return;
    const isOwn = held.uploadedIn !== undefined && compareAttempts(record, held.uploadedIn) === 0;
    if (record.survivors.includes(context.self) && held.base.version < record.round) this.drop();
    else if (isOwn) this.set({ held: { ...held, uploadedIn: undefined } });
    if (record.dropped.includes(context.self)) this.set({ isAnnounced: false });
  }

  /** Versions between these are not gone on from, and what was trained from them leads where they led. SPEC E-05. */
  private takeBack(to: number, version: number): void {
    const isTakenBack = (base: ModelRef) => base.version > to && base.version < version;
    const { held, training } = this.pace;
    if (held !== undefined && isTakenBack(held.base)) this.drop();
    if (training === undefined || !isTakenBack(training)) return;
    this.turn.effects.push({ type: 'cancel-training' });
    this.set({ training: undefined });
  }

  /** What was sent in an abandoned attempt is in no sum. */
  onAbandon(attempt: AttemptId): void {
    const { held } = this.pace;
    this.set({ isAnnounced: false });
    if (held?.uploadedIn !== undefined && compareAttempts(attempt, held.uploadedIn) === 0)
      this.set({ held: { ...held, uploadedIn: undefined } });
  }

  /** A newer model is fetched when there is time to train from it. SPEC E-04. */
  learnOf(model: ModelRef, holders: readonly NodeId[]): void {
    const { draft } = this.turn;
    if (draft.target?.hash !== model.hash) this.set({ fetching: undefined });
    draft.target = model;
    this.set({ holders });
  }

  onAdopted(): void {
    this.set({ fetching: undefined });
  }

  /** At the end of each step. SPEC E-01, E-05, E-07. */
  goOn(): void {
    const { draft } = this.turn;
    if (this.limits === undefined) return;
    const { training } = this.pace;
    const isWilling = draft.status.name === 'joined' || draft.status.name === 'connecting';
    const isLate = training !== undefined && this.newest - training.version > this.limits.maxStaleness;
    if (training !== undefined && (!isWilling || isLate)) {
      this.turn.effects.push({ type: 'cancel-training' });
      this.set({ training: undefined });
    }
    if (draft.attempt !== undefined) return;
    if (draft.status.name === 'finished' || draft.status.name === 'left') return this.drop();
    const { held } = this.pace;
    if (held !== undefined && this.isSpent(held, this.newest)) this.drop();
    if (draft.status.name !== 'joined') return;
    if (this.pace.held !== undefined) this.announce();
    else if (this.pace.training === undefined && !this.pace.isProtecting) this.train();
  }

  private announce(): void {
    const { held, isAnnounced } = this.pace;
    const { draft, context } = this.turn;
    if (held === undefined || isAnnounced || draft.coordinator === undefined) return;
    this.turn.reply({ type: 'ready', run: context.run, model: held.base });
    this.set({ isAnnounced: true });
  }

  private train(): void {
    const { draft, effects, entropy } = this.turn;
    const { model, target, term } = draft;
    const { failedFrom, fetching, holders } = this.pace;
    if (target !== undefined && target.version > (model?.version ?? -1)) {
      if (fetching === target.hash) return;
      this.set({ fetching: target.hash });
      effects.push({ type: 'fetch-model', model: target, holders });
      return;
    }
    if (model === undefined || model.hash === failedFrom) return;
    this.set({ training: { version: model.version, hash: model.hash } });
    // Nobody invited it yet: the round that comes next from this model stands in for the one that it will be sent in.
    const attempt = { term, round: model.version + 1, attempt: 0 };
    effects.push({ type: 'train', attempt, base: model, entropy });
  }

  /** Of the newest model that this device heard of. */
  private get newest(): number {
    const { model, target } = this.turn.draft;
    return Math.max(model?.version ?? 0, target?.version ?? 0);
  }

  /** Whether it is of no use for a round from this version of the model, or from a later one. SPEC E-05, E-08, E-09. */
  private isSpent({ base, releasedFor, hasLeft, uploadedIn }: HeldUpdate, version: number): boolean {
    const { draft, context } = this.turn;
    if (version - base.version > context.pace!.maxStaleness) return true;
    if (hasLeft && context.ring !== undefined) return true;
    if (uploadedIn !== undefined && version >= uploadedIn.round) return true;
    if (releasedFor === undefined) return false;
    const isOutdated = context.pace!.isNoised && version > releasedFor.version;
    return isOutdated || (context.noise?.trust === 'distributed' && draft.cached?.hasLeft === true);
  }

  private drop(): void {
    this.set({ held: undefined, isAnnounced: false });
    this.turn.draft.cached = undefined;
  }

  private get pace(): PaceState {
    return this.turn.draft.pace;
  }

  private set(change: Partial<PaceState>): void {
    if (this.limits !== undefined) this.turn.draft.pace = { ...this.turn.draft.pace, ...change };
  }
}

/** Versions that it is behind the model that a round starts from. */
export function stalenessOf({ base }: HeldUpdate, { version }: ModelRef): number {
  return Math.max(0, version - base.version);
}
