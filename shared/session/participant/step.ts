import { unpackValues } from '../../compress/index.ts';
import { type ErrorCode, type ErrorRecord, MurmurationError } from '../../errors/index.ts';
import { secureThreshold } from '../../federation/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import { stopsReleases } from '../../ledger/index.ts';
import { sliceLengths, toCentred, unpackRing } from '../../secagg/index.ts';
import { type MaskedUpdate, type NoisedUpdate, sliceRange } from '../../update/index.ts';
import type { AttemptId, Message, MessageOf, ModelRef, Plan } from '../../wire/index.ts';
import {
  attemptTag,
  compareAttempts,
  type Effect,
  type EventOf,
  type Receipt,
  type SessionEvent,
  type Step,
  type SumSlice,
  type TimerName,
} from '../effects.ts';
import { ON_HOLD } from '../on-hold.ts';
import { maskNone } from '../pipeline.ts';
import type { TrainResult } from '../ports.ts';
import { AsyncPart, type PaceTurn, stalenessOf } from './async-part.ts';
import { DrawPart, type DrawTurn } from './draw-part.ts';
import { findUnlawful } from './lawful.ts';
import { reasonFor } from './reason.ts';
import { SecurePart, type SecureTurn } from './secure-part.ts';
import {
  type AttemptPhase,
  type AttemptState,
  collectDelayMs,
  disputeKey,
  draftOf,
  obeys,
  type ParticipantContext,
  type ParticipantState,
  refOf,
  sumKey,
} from './state.ts';

/**
 * The participant: joins a coordinator, trains when invited, hands its slices to their owners, puts the sums
 * together, and applies them. It accepts orders only from a coordinator it `obeys`. SPEC P-01 to P-34.
 */
export function stepParticipant(
  state: ParticipantState,
  event: SessionEvent,
  context: ParticipantContext,
): Step<ParticipantState> {
  if (state.status.name === 'left') return { state, effects: [] };
  const turn = new Turn(draftOf(state), event, context);
  turn.take();
  return { state: turn.draft, effects: turn.effects };
}

/** A join that was not delivered is tried again after this long. */
const JOIN_RETRY_MS = 1000;
const VOTE_MS = 2000;
const FETCH_RETRY_MS = 5000;
/** Added to the sum of a round's deadlines before silence counts as the coordinator's death. */
const SILENCE_GRACE_MS = 5000;

/** One step under way: changes a private copy of the state and gathers effects; nothing outlives it. */
class Turn implements SecureTurn, DrawTurn, PaceTurn {
  readonly draft: ParticipantState;
  readonly effects: Effect[] = [];
  readonly context: ParticipantContext;
  private readonly event: SessionEvent;
  private readonly secagg = new SecurePart(this);
  private readonly groups = new DrawPart(this);
  private readonly pace = new AsyncPart(this);

  constructor(draft: ParticipantState, event: SessionEvent, context: ParticipantContext) {
    this.draft = draft;
    this.event = event;
    this.context = context;
  }

  get entropy(): string {
    return this.event.entropy;
  }

  take(): void {
    this.takeEvent();
    this.pace.goOn();
  }

  private takeEvent(): void {
    const { event } = this;
    switch (event.type) {
      case 'command':
        return this.onCommand(event.command);
      case 'peer-up':
        return this.onUp(event.peer, event.incarnation);
      case 'peer-down':
        return this.onDown(event.peer);
      case 'message':
        return this.onMessage(event.from, event.message);
      case 'timer':
        return this.onTimer(event.name);
      case 'delivered':
      case 'undelivered':
        return this.onOutcome(event);
      case 'trained':
        return this.onTrained(event);
      case 'train-failed':
        return this.onTrainFailed(event);
      case 'protected':
        return this.onProtected(event);
      case 'applied':
        return this.onApplied(event);
      case 'summed':
        return this.onSummed(event);
      case 'apply-failed':
        return this.onApplyFailed(event);
      case 'secured':
        return this.secagg.onSecured(event);
      case 'secure-failed':
        return this.secagg.onSecureFailed(event);
      case 'evaluated':
        return this.onEvaluated(event);
      case 'model-fetched':
        return this.onModelFetched(event);
      case 'model-unavailable':
        return this.onModelUnavailable(event);
    }
  }

  // ---- joining, pausing, leaving -----------------------------------------------------------------------------

  private onCommand(command: EventOf<'command'>['command']): void {
    const { draft } = this;
    switch (command) {
      case 'start':
        if (draft.status.name !== 'idle') return;
        draft.status = { name: 'connecting' };
        return this.join();
      case 'pause':
        if (draft.status.name !== 'joined' && draft.status.name !== 'connecting') return;
        return this.pause();
      case 'resume':
        if (draft.status.name !== 'paused') return;
        draft.status = { name: 'connecting' };
        return this.join();
      case 'leave':
      case 'stop':
        if (draft.coordinator !== undefined)
          this.send(draft.coordinator, { type: 'leave', run: this.context.run });
        this.endAttempt();
        this.effects.push({ type: 'resign', term: draft.term + 1 });
        draft.status = { name: 'left' };
        return;
    }
  }

  /** Tells the coordinator, the server for preference, that we are here and what we hold. */
  join(): void {
    const { draft, context } = this;
    if (draft.status.name === 'idle') return;
    const to = draft.peers.has(SERVER) ? SERVER : draft.coordinator;
    if (to === undefined) return this.timer('election', this.electionDelayMs());
    const commitment = this.groups.commitment();
    const message = {
      type: 'join' as const,
      run: context.run,
      incarnation: context.incarnation,
      model: draft.model === undefined ? null : refOf(draft.model),
      // A server that was away may have taken the very term of a peer elected meanwhile, and two attempts one name.
      term: to === SERVER && draft.term > 0 && draft.termOf !== SERVER ? draft.term + 1 : draft.term,
      examples: context.examples,
      paused: draft.status.name === 'paused',
      ...(commitment === undefined ? {} : { commitment }),
    };
    this.send(to, message, { kind: 'join' });
    if (context.device !== undefined)
      this.send(to, { type: 'device', run: context.run, device: context.device });
  }

  private onUp(peer: NodeId, incarnation: number): void {
    const { draft } = this;
    draft.peers.set(peer, incarnation);
    if (peer === SERVER || peer === draft.coordinator) this.join();
  }

  private onDown(peer: NodeId): void {
    const { draft } = this;
    draft.peers.delete(peer);
    if (peer !== draft.coordinator && peer !== SERVER) return;
    if (draft.coordinator === peer) draft.coordinator = undefined;
    if (draft.coordinator === undefined) this.timer('election', this.electionDelayMs());
  }

  // ---- orders from the coordinator ---------------------------------------------------------------------------

  private onMessage(from: NodeId, message: Message): void {
    switch (message.type) {
      case 'welcome':
        return this.onWelcome(from, message);
      case 'invite':
        return this.onInvite(from, message);
      case 'plan':
        return this.onPlan(from, message);
      case 'commit':
        return this.onCommit(message);
      case 'abandon':
        return this.onAbandon(message);
      case 'finish':
        return this.onFinish(message);
      case 'standby':
        if (from === SERVER && message.code === ON_HOLD) this.draft.isOnHold = true;
        return this.notice('warning', message.reason, message.code as ErrorCode);
      case 'roster':
        return this.secagg.onRoster(message);
      case 'inbox':
        return this.secagg.onInbox(message);
      case 'confirmed':
        return this.secagg.onConfirmed(message);
      case 'draw':
        if (obeys(this.draft, from, message.attempt.term)) this.onDraw(from, message);
        return;
      case 'total':
        return this.groups.onTotal(from, message);
      case 'sum':
        return this.onSum(from, message);
      case 'voteRequest':
        return this.onVoteRequest(from as ParticipantId, message);
      case 'vote':
        return this.onVote(from as ParticipantId, message);
    }
  }

  /** Takes `from` as coordinator of this term; whoever coordinated an earlier one here, ends. */
  private follow(from: NodeId, term: number): void {
    const { draft } = this;
    if (draft.coordinator !== from || draft.term !== term) {
      draft.target = undefined;
      this.effects.push({ type: 'resign', term });
    }
    if (from === SERVER) draft.isOnHold = false;
    draft.coordinator = from;
    draft.term = term;
    draft.termOf = from;
    draft.election = undefined;
    this.effects.push({ type: 'cancel-timer', name: 'election' }, { type: 'cancel-timer', name: 'vote' });
  }

  private onWelcome(from: NodeId, message: MessageOf<'welcome'>): void {
    const { draft } = this;
    if (!obeys(draft, from, message.term)) return;
    const unasked = from !== SERVER && (draft.coordinator !== from || draft.term !== message.term);
    this.follow(from, message.term);
    if (unasked) this.join();
    if (draft.status.name === 'connecting') draft.status = { name: 'joined' };
    this.timer('silence', 60_000);
    this.pace.onWelcome();
    if (message.model !== null && message.model.version > (draft.model?.version ?? -1))
      this.learnOf(message.model, message.holders);
  }

  private onInvite(from: NodeId, message: MessageOf<'invite'>): void {
    const { draft, context } = this;
    const { attempt } = message;
    if (!obeys(draft, from, attempt.term)) return;
    if (draft.attempt !== undefined && compareAttempts(attempt, draft.attempt.attempt) <= 0) return;
    this.follow(from, attempt.term);
    if (!message.plan.cohort.includes(context.self)) return;
    this.pace.onInvited();
    if (draft.status.name === 'paused' || draft.status.name === 'finished') return;
    if (message.federationRevision !== context.federationRevision) {
      const text = 'The federation changed since this device agreed to it.';
      this.notice('warning', text, 'privacy.policy-changed');
      return this.refuse(attempt, 'round.refused', text);
    }
    const unlawful = findUnlawful(message, draft, context);
    if (unlawful !== undefined) {
      this.notice('warning', unlawful.text, unlawful.code);
      return this.refuse(attempt, unlawful.code, unlawful.text);
    }
    const unfairness = this.groups.unfairness(message);
    if (unfairness !== undefined) return this.groups.refuseDraw(attempt, unfairness);
    if (this.pace.limits !== undefined && this.pace.heldFor(message.base) === undefined)
      return this.refuse(attempt, 'round.not-ready', 'This device has no update that is new enough.');
    const wasTraining =
      draft.attempt?.phase.name === 'training' && draft.attempt.base.hash === message.base.hash;
    this.endAttempt(wasTraining);
    draft.status = { name: 'joined' };
    draft.electorate = message.draw?.cohort ?? message.plan.cohort;
    const early = draft.earlyPlan;
    const overtaken =
      early !== undefined &&
      compareAttempts(early.attempt, attempt) === 0 &&
      early.plan.revision > message.plan.revision &&
      isSameRound(early.plan, message.plan);
    draft.earlyPlan = undefined;
    // In a secure round keys and shares may each take as long as training may.
    const setupMs = context.ring === undefined ? 0 : 2 * message.trainMs;
    const deadlineMs = setupMs + message.trainMs + message.exchangeMs + message.applyMs;
    draft.attempt = {
      attempt,
      base: message.base,
      holders: message.holders,
      deadlineMs,
      applyMs: message.applyMs,
      plan: overtaken ? early.plan : message.plan,
      phase: { name: 'fetching' },
      update: undefined,
      slices: new Map(),
      reported: -1,
      sums: new Map(),
      formerOwners: new Map(),
      secure: this.secagg.begin(attempt, message),
      draw: message.draw,
      summed: undefined,
      total: undefined,
    };
    this.secagg.advertise();
    this.timer('silence', deadlineMs + SILENCE_GRACE_MS);
    if (draft.candidate?.hash === message.base.hash) this.adopt(draft.candidate);
    this.renumber(message.base);
    if (draft.model?.hash !== message.base.hash) {
      this.effects.push({ type: 'cancel-training' });
      return this.fetch(message.base, message.holders);
    }
    if (wasTraining) {
      // The same model under another coordinator: the training under way serves it.
      this.phase({ name: 'training' });
      return;
    }
    this.train();
  }

  /** A draw is an order of the server as an invitation is: whoever coordinated before it is followed no longer. */
  private onDraw(from: NodeId, message: MessageOf<'draw'>): void {
    this.follow(from, message.attempt.term);
    this.groups.onDraw(from, message);
  }

  private train(): void {
    const { draft } = this;
    const round = draft.attempt!;
    const cached = this.cachedFrom(round.base.hash);
    if (cached !== undefined) return this.mask(cached);
    const held = this.pace.heldFor(round.base);
    if (held !== undefined && this.pace.isUnderWay(round.base)) return this.phase({ name: 'protecting' });
    if (held !== undefined) {
      const { clipNorm } = draft.model!;
      return this.protect(
        held.result,
        clipNorm === undefined ? {} : { clipNorm },
        stalenessOf(held, round.base),
      );
    }
    this.phase({ name: 'training' });
    this.effects.push(
      { type: 'cancel-training' },
      { type: 'train', attempt: round.attempt, base: draft.model! },
    );
  }

  private onPlan(from: NodeId, message: MessageOf<'plan'>): void {
    const { draft } = this;
    if (!obeys(draft, from, message.attempt.term)) return;
    const round = draft.attempt;
    const order = round === undefined ? 1 : compareAttempts(message.attempt, round.attempt);
    if (order > 0) draft.earlyPlan = message;
    if (order !== 0 || message.plan.revision <= round!.plan.revision) return;
    if (this.groups.isOfAnotherGroup(round!, message.plan))
      return this.groups.refuseDraw(message.attempt, 'A plan named another group than was drawn.');
    if (!isSameRound(message.plan, round!.plan)) {
      const text = 'A plan named another cohort than the invitation did.';
      this.notice('warning', text, 'round.refused');
      return this.refuse(message.attempt, 'round.refused', text);
    }
    if (!this.secagg.confirm(round!, message.plan.survivors)) return;
    // Nor must it be protected anew for another base, whether or not it was ever said that all of it came.
    if (round!.secure?.survivors?.includes(this.context.self)) this.pace.onUploaded(round!.attempt, true);
    const before = round!.plan;
    rememberOwners(round!, message.plan.owners);
    round!.plan = message.plan;
    if (message.plan.tally > before.tally) {
      this.timer('collect', collectDelayMs(round!));
      const { phase } = round!;
      if (phase.name === 'applied' || phase.name === 'applying') {
        draft.candidate = undefined;
        round!.summed = undefined;
        this.phase(
          round!.update === undefined ? { name: 'watching' } : { name: 'exchanging', update: round!.update },
        );
      }
    }
    this.sendSlices();
    this.secagg.sendReveals();
    this.collect();
  }

  private onCommit(message: MessageOf<'commit'>): void {
    const { draft } = this;
    const { record } = message;
    this.effects.push({ type: 'save-record', record });
    this.pace.onCommit(message);
    // What a newer word has overtaken is history, not news.
    if (record.round < Math.max(draft.model?.version ?? 0, draft.target?.version ?? 0)) return;
    const order = draft.attempt === undefined ? -1 : compareAttempts(record, draft.attempt.attempt);
    // Whoever trains at its own pace is not invited to the attempt that would end this one.
    if (order === 0 || (order > 0 && this.pace.limits !== undefined)) this.endAttempt();
    if (draft.candidate?.hash === record.hash) this.adopt(draft.candidate);
    this.renumber({ version: record.round, hash: record.hash });
    if (draft.model?.hash === record.hash) return;
    if (draft.candidate?.version === record.round && record.rollback !== undefined)
      draft.candidate = undefined;
    if (draft.candidate?.version === record.round) {
      this.notice(
        'error',
        'This device computed another model than the rest; it fetches the common one.',
        'round.diverged',
      );
      draft.candidate = undefined;
    }
    this.learnOf({ version: record.round, hash: record.hash }, message.holders);
  }

  private onAbandon(message: MessageOf<'abandon'>): void {
    const round = this.draft.attempt;
    this.pace.onAbandon(message.attempt);
    if (round === undefined || compareAttempts(message.attempt, round.attempt) !== 0) return;
    if (message.code === 'round.cut-off') {
      this.notice('info', `Round ${message.attempt.round} goes on without this device: others were quicker.`);
      return this.endAttempt();
    }
    this.notice('warning', `Round ${message.attempt.round} was abandoned: ${message.reason}`);
    // Training goes on: the next attempt most likely starts from the same model and takes its result. Not where all was stopped:
    // nobody waits for it, and it would leave the device all the same.
    if (round.phase.name === 'training' && message.code !== ON_HOLD) {
      if (round.secure !== undefined) this.secagg.forget(round.attempt);
      return;
    }
    this.endAttempt();
  }

  private onFinish(message: MessageOf<'finish'>): void {
    const { draft } = this;
    this.endAttempt();
    draft.status = { name: 'finished', reason: message.reason };
    this.effects.push({ type: 'cancel-timer', name: 'silence' });
    if (draft.candidate?.hash === message.model.hash) this.adopt(draft.candidate);
    this.renumber(message.model);
    if (draft.model?.hash !== message.model.hash)
      this.fetch(message.model, draft.coordinator === undefined ? [] : [draft.coordinator]);
  }

  /** A version that the run went back to has the weights of an earlier one, and so its hash. SPEC Q-24. */
  private renumber({ version, hash }: ModelRef): void {
    const { model } = this.draft;
    if (model?.hash === hash && model.version < version) this.adopt({ ...model, version });
  }

  private adopt(model: NonNullable<ParticipantState['model']>): void {
    this.draft.model = model;
    this.draft.candidate = undefined;
    if (this.draft.target !== undefined && this.draft.target.version <= model.version)
      this.draft.target = undefined;
    if (this.draft.cached?.baseHash !== model.hash) this.draft.cached = undefined;
    this.effects.push({ type: 'save-model', model });
  }

  // ---- the round ---------------------------------------------------------------------------------------------

  private onModelFetched({ model }: EventOf<'model-fetched'>): void {
    const { draft } = this;
    const wanted = draft.attempt?.phase.name === 'fetching' && draft.attempt.base.hash === model.hash;
    if (!wanted && draft.target?.hash !== model.hash) return;
    this.adopt(model);
    if (wanted) this.train();
  }

  private onModelUnavailable({ model }: EventOf<'model-unavailable'>): void {
    const round = this.draft.attempt;
    if (round?.phase.name !== 'fetching' || round.base.hash !== model.hash) {
      // Nothing waits for it now; joining again brings the news of who holds the newest model.
      if (this.draft.target?.hash === model.hash) this.timer('join', FETCH_RETRY_MS);
      return;
    }
    this.refuse(
      round.attempt,
      'model.unavailable',
      'No holder delivered the model that the round starts from.',
    );
    this.phase({ name: 'watching' });
  }

  private onTrained(event: EventOf<'trained'>): void {
    if (this.pace.limits !== undefined) return this.pace.onTrained(event);
    const { baseHash, clipNorm, result } = event;
    const round = this.draft.attempt;
    if (round?.phase.name !== 'training' || round.base.hash !== baseHash) return;
    this.protect(result, clipNorm === undefined ? {} : { clipNorm });
  }

  private protect({ update }: TrainResult, norm: { readonly clipNorm?: number }, staleness?: number): void {
    const { attempt, base, plan } = this.draft.attempt!;
    this.phase({ name: 'protecting' });
    this.pace.onProtecting(base);
    const invited = plan.cohort.length;
    this.effects.push({
      type: 'protect',
      attempt,
      baseHash: base.hash,
      ...norm,
      update,
      ...(staleness === undefined ? {} : { staleness }),
      invited,
    });
  }

  private onTrainFailed({ attempt, error }: EventOf<'train-failed'>): void {
    if (this.pace.onFailed(error)) return;
    const round = this.draft.attempt;
    if (round === undefined || compareAttempts(attempt, round.attempt) !== 0) return;
    if (round.phase.name !== 'training' && round.phase.name !== 'protecting') return;
    this.notice('error', error.message, error);
    this.refuse(round.attempt, error.code, reasonFor(error));
    if (stopsReleases(error.code)) return this.pause();
    this.phase({ name: 'watching' });
  }

  /** Ends the attempt, tells the coordinator, and takes no invitation until a person resumes. */
  pause(): void {
    this.draft.status = { name: 'paused' };
    this.endAttempt();
    this.join();
  }

  private onProtected({ attempt, baseHash, update }: EventOf<'protected'>): void {
    const { draft } = this;
    const isHeld = this.pace.onProtected(baseHash);
    draft.released = { term: attempt.term, round: attempt.round, baseHash };
    if (!isHeld) return;
    // The first of a base stands: another one would be a second release of the same data. More noise makes it no other.
    const before = this.cachedFrom(baseHash);
    const kept = before === undefined || isNoisier(update, before) ? update : before;
    draft.cached = { baseHash, update: kept, hasLeft: false };
    const round = draft.attempt;
    if (round?.base.hash !== baseHash) return;
    if (round.phase.name === 'training') this.effects.push({ type: 'cancel-training' });
    else if (round.phase.name !== 'protecting') return;
    this.mask(kept);
  }

  /**
   * The update that may be used again. Masked, or with a share of noise, not one that left: whoever never says that it came may have it in a
   * sum nevertheless, and two sums with different others hide it less than one. SPEC A-36, N-13.
   */
  private cachedFrom(baseHash: string): NoisedUpdate | undefined {
    const { cached } = this.draft;
    if (cached?.baseHash !== baseHash) return undefined;
    const isHidden = this.context.ring !== undefined || this.context.noise?.trust === 'distributed';
    return cached.hasLeft && isHidden ? undefined : cached.update;
  }

  /** In a plain round a slice is what it is; in a secure one masks follow from the shares of all. */
  private mask(update: NoisedUpdate): void {
    const round = this.draft.attempt!;
    const { attempt, base, plan } = round;
    if (this.lacksNoise(update, plan)) {
      this.phase({ name: 'protecting' });
      const invited = plan.cohort.length;
      this.pace.onProtecting(base);
      this.effects.push({ type: 'add-missing-noise', attempt, baseHash: base.hash, update, invited });
      return;
    }
    if (round.secure === undefined)
      return this.exchange(maskNone(update, plan.owners.length, this.context.encoding));
    this.phase({ name: 'masking', update, asked: false });
    this.secagg.askForMasks();
  }

  /** Whether its noise is one of more shares than are certain in this attempt. SPEC N-04. */
  private lacksNoise({ shares }: NoisedUpdate, { cohort }: Plan): boolean {
    const { noise } = this.context;
    if (noise?.trust !== 'distributed') return false;
    return shares === undefined || shares > secureThreshold(cohort.length) - noise.colluding;
  }

  exchange(update: MaskedUpdate): void {
    const round = this.draft.attempt!;
    round.update = update;
    this.phase({ name: 'exchanging', update });
    this.reply({ type: 'trained', run: this.context.run, attempt: round.attempt });
    this.sendSlices();
    this.collect();
  }

  /** Sends every slice that its present owner does not have yet. */
  private sendSlices(): void {
    const round = this.draft.attempt;
    if (round?.update === undefined) return;
    if (this.context.noise?.trust === 'central' && round.plan.owners.some((owner) => owner !== SERVER)) {
      const text = 'A plan gave slices to someone else than the server, which alone is trusted to add noise.';
      this.notice('error', text, 'privacy.policy-unmet');
      return this.refuse(round.attempt, 'privacy.policy-unmet', text);
    }
    const { slices, weight } = round.update;
    const message = (slice: number): MessageOf<'slice'> => ({
      type: 'slice',
      run: this.context.run,
      attempt: round.attempt,
      slice,
      count: slices.length,
      weight,
      values: slices[slice]!,
    });
    round.plan.owners.forEach((owner, slice) => {
      if (round.slices.get(slice)?.owner === owner) return;
      round.slices.set(slice, { owner, outcome: 'sending' });
      this.send(owner, message(slice), { kind: 'slice', slice, owner });
    });
    if (this.draft.cached !== undefined) this.draft.cached = { ...this.draft.cached, hasLeft: true };
    this.pace.onLeft();
    this.sendToDeputy(round, message);
    this.reportUploaded();
  }

  /** What only this device would hold, since it owns that slice itself, must not go with it. SPEC A-42. */
  private sendToDeputy({ plan, secure }: AttemptState, message: (slice: number) => Message): void {
    const { self } = this.context;
    const own = plan.cohort.indexOf(self);
    if (secure === undefined || secure.deputySent || plan.owners[own] !== self) return;
    secure.deputySent = true;
    const deputy = plan.cohort[(own + 1) % plan.cohort.length]!;
    if (deputy !== self) this.send(deputy, message(own));
  }

  private onOutcome({ type, attempt, receipt }: EventOf<'delivered'> | EventOf<'undelivered'>): void {
    if (receipt.kind === 'join') {
      if (type === 'undelivered') this.timer('join', JOIN_RETRY_MS);
      return;
    }
    const round = this.draft.attempt;
    if (round === undefined || attempt === undefined || compareAttempts(attempt, round.attempt) !== 0) return;
    if (round.slices.get(receipt.slice)?.owner !== receipt.owner) return;
    round.slices.set(receipt.slice, {
      owner: receipt.owner,
      outcome: type === 'delivered' ? 'delivered' : 'undeliverable',
    });
    this.reportUploaded();
  }

  private reportUploaded(): void {
    const round = this.draft.attempt!;
    const outcomes = [...round.slices];
    if (round.update === undefined || outcomes.length < round.plan.owners.length) return;
    if (outcomes.some(([, { outcome }]) => outcome === 'sending') || round.reported >= round.plan.revision)
      return;
    round.reported = round.plan.revision;
    // From here on it may be named a survivor without hearing of it: the same integers must not go into another sum.
    const isHidden = round.secure !== undefined || this.context.noise?.trust === 'central';
    if (isHidden) this.draft.cached = undefined;
    this.pace.onUploaded(round.attempt, isHidden);
    const undeliverable = outcomes
      .filter(([, { outcome }]) => outcome === 'undeliverable')
      .map(([slice]) => slice);
    this.reply({
      type: 'uploaded',
      run: this.context.run,
      attempt: round.attempt,
      revision: round.plan.revision,
      undeliverable,
    });
  }

  private onSum(from: NodeId, message: MessageOf<'sum'>): void {
    const round = this.draft.attempt;
    // A sum of an ended attempt is what a slow network does, not an offence.
    if (round === undefined || compareAttempts(message.attempt, round.attempt) !== 0) return;
    if (from !== SERVER && !round.plan.cohort.includes(from)) return;
    if (message.slice >= round.plan.owners.length)
      return this.notice('warning', 'A sum came for a slice that does not exist.', 'wire.malformed');
    if (round.secure?.disputed.has(disputeKey(message.slice, from))) return;
    // Of the tally at hand, or of the next, which may overtake its plan; others would only fill the memory.
    const { tally } = round.plan;
    if (message.tally < tally || message.tally > tally + 1) return;
    round.sums.delete(sumKey(message.slice, tally - 1, from));
    try {
      round.sums.set(sumKey(message.slice, message.tally, from), {
        values: this.sumValues(round, message),
        weight: message.weight,
        owner: from,
        proof: message.proof,
      });
    } catch (thrown) {
      return this.notice(
        'warning',
        `Refused a sum from ${from}.`,
        thrown instanceof MurmurationError ? thrown.toRecord() : undefined,
      );
    }
    this.collect();
  }

  /** @throws `update.wrong-length`, `secagg.wrong-ring`. */
  private sumValues({ plan, secure }: AttemptState, { slice, values }: MessageOf<'sum'>) {
    if (secure === undefined) {
      const { start, end } = sliceRange(this.context.vectorLength, plan.owners.length, slice);
      return unpackValues(values, end - start, this.context.encoding);
    }
    const { ring } = secure.parameters;
    return toCentred(unpackRing(values, sliceLengths(secure.parameters).length(slice), ring), ring);
  }

  /** With the sums of all slices of the present tally, each from its owner, the new model can be computed. */
  collect(): void {
    const { draft } = this;
    const round = draft.attempt;
    if (round === undefined || round.plan.survivors === null || draft.model?.hash !== round.base.hash) return;
    // Without the check keys nothing can be checked: it takes the model that the others commit.
    if (round.secure?.opened === false) return;
    // Nor does it check sums that it is not part of: only survivors confirmed what they are over.
    if (round.secure !== undefined && !round.plan.survivors.includes(this.context.self)) return;
    // Owners need t of all reveals, not this device's: their sums may be here before it knows what was confirmed. SPEC A-41.
    if (round.secure !== undefined && round.secure.reveal === undefined) return;
    if (round.phase.name !== 'exchanging' && round.phase.name !== 'watching') return;
    const slices = round.plan.owners.map((owner, slice) => this.sumFrom(round, slice, owner));
    if (!slices.every((slice) => slice !== undefined)) return;
    // In a secure round weights are in the adverts, so that the check finds which owner's is wrong.
    if (round.secure === undefined && slices.some(({ weight }) => weight !== slices[0]!.weight)) {
      this.notice(
        'error',
        'Owners added up different survivors; their sums do not fit together.',
        'round.diverged',
      );
      round.sums.clear();
      return;
    }
    this.phase({ name: 'applying' });
    this.effects.push({ type: 'cancel-timer', name: 'collect' });
    const { attempt } = round;
    const { tally, survivors } = round.plan;
    if (round.draw !== undefined) this.effects.push({ type: 'sum-up', attempt, tally, slices, survivors });
    else this.effects.push({ type: 'apply', attempt, tally, base: draft.model, slices, survivors });
  }

  /** A sum counts when it came from whoever owns the slice now, or did at an earlier revision. SPEC P-24. */
  sumFrom(round: AttemptState, slice: number, owner: NodeId): SumSlice | undefined {
    for (const from of [owner, ...(round.formerOwners.get(slice) ?? [])]) {
      const sum = round.sums.get(sumKey(slice, round.plan.tally, from));
      if (sum !== undefined) return sum;
    }
    return undefined;
  }

  private onSummed({ attempt, tally, hash }: EventOf<'summed'>): void {
    const round = this.draft.attempt;
    if (round === undefined || compareAttempts(attempt, round.attempt) !== 0) return;
    if (round.phase.name !== 'applying' || round.plan.tally !== tally) return;
    this.groups.onSummed(round, tally, hash);
  }

  private onApplied({ attempt, tally, model }: EventOf<'applied'>): void {
    const { draft, context } = this;
    const round = draft.attempt;
    if (round === undefined || compareAttempts(attempt, round.attempt) !== 0) return;
    if (round.phase.name !== 'applying' || round.plan.tally !== tally) return;
    draft.candidate = model;
    this.phase({ name: 'applied', hash: model.hash });
    this.reply({ type: 'applied', run: context.run, attempt, tally, hash: model.hash });
    const survivors = round.plan.survivors!;
    // Who survived in the other groups is not known here: parts are shared out among all who were drawn.
    const evaluators = round.draw?.cohort ?? survivors;
    if (context.evaluates && survivors.includes(context.self)) {
      const part = { index: evaluators.indexOf(context.self), count: evaluators.length };
      this.effects.push({ type: 'evaluate', model, part });
    }
  }

  private onApplyFailed({ attempt, error, disputed }: EventOf<'apply-failed'>): void {
    const round = this.draft.attempt;
    if (round?.phase.name !== 'applying' || compareAttempts(attempt, round.attempt) !== 0) return;
    this.notice('error', error.message, error);
    if (disputed.length > 0) return this.secagg.dispute(round, disputed);
    this.phase({ name: 'watching' });
    round.sums.clear();
  }

  private onEvaluated({ round, hash, counts }: EventOf<'evaluated'>): void {
    if (this.draft.coordinator === undefined) return;
    this.send(this.draft.coordinator, { type: 'evaluated', run: this.context.run, round, hash, counts });
  }

  // ---- without the server ------------------------------------------------------------------------------------

  /** Lower ids stand first, so that most elections have one candidate. SPEC P-30. */
  private electionDelayMs(): number {
    const { draft, context } = this;
    const rank = [...draft.peers.keys()].filter((id) => id !== SERVER && id < context.self).length;
    return context.electionMs * (1 + rank / 2);
  }

  private stand(): void {
    const { draft, context } = this;
    if (draft.peers.has(SERVER)) return this.join();
    // Whoever paused the run did not mean it to go on without them. SPEC J-03.
    if (draft.isOnHold) return;
    if (draft.coordinator !== undefined || draft.model === undefined) return;
    if (draft.status.name !== 'joined' && draft.status.name !== 'connecting') return;
    this.timer('election', this.electionDelayMs() * 2);
    if (!this.isMajority([...draft.peers.keys(), context.self])) return;
    const term = draft.term + 1;
    draft.term = term;
    draft.termOf = undefined;
    draft.votedFor = { term, candidate: context.self };
    draft.election = { term, votes: new Set([context.self]) };
    for (const peer of draft.peers.keys())
      this.send(peer, { type: 'voteRequest', run: context.run, term, model: refOf(draft.model) });
    this.timer('vote', VOTE_MS);
  }

  private onVoteRequest(from: ParticipantId, message: MessageOf<'voteRequest'>): void {
    const { draft, context } = this;
    const later =
      message.term > draft.term ||
      (draft.votedFor?.term === message.term && draft.votedFor.candidate === from);
    const leaderless =
      !draft.peers.has(SERVER) && (draft.coordinator === undefined || draft.coordinator === from);
    const granted =
      later && leaderless && !draft.isOnHold && message.model.version >= (draft.model?.version ?? 0);
    if (granted) {
      draft.term = message.term;
      draft.termOf = undefined;
      draft.votedFor = { term: message.term, candidate: from };
      draft.election = undefined;
      this.timer('election', this.electionDelayMs() * 2);
    }
    this.send(from, { type: 'vote', run: context.run, term: granted ? message.term : draft.term, granted });
  }

  private onVote(from: ParticipantId, message: MessageOf<'vote'>): void {
    const { draft, context } = this;
    const { election } = draft;
    if (election === undefined) return;
    if (!message.granted || message.term !== election.term) {
      if (message.term > draft.term) {
        draft.term = message.term;
        draft.termOf = undefined;
      }
      return;
    }
    const votes = new Set(election.votes).add(from);
    draft.election = { term: election.term, votes };
    if (!this.isMajority([...votes]) || draft.peers.has(SERVER)) return;
    draft.election = undefined;
    draft.coordinator = context.self;
    this.effects.push(
      { type: 'cancel-timer', name: 'vote' },
      { type: 'cancel-timer', name: 'election' },
      { type: 'coordinate', term: election.term, model: refOf(draft.model!) },
    );
    this.notice('info', 'The server is away: this device paces the rounds until it is back.');
    this.join();
  }

  /** More than half of the latest cohort: two halves of a split group cannot both go on. */
  private isMajority(ids: readonly NodeId[]): boolean {
    const { electorate } = this.draft;
    return (
      electorate.length > 0 && electorate.filter((id) => ids.includes(id)).length * 2 > electorate.length
    );
  }

  // ---- timers and small things -------------------------------------------------------------------------------

  private onTimer(name: EventOf<'timer'>['name']): void {
    const { draft } = this;
    const round = draft.attempt;
    switch (name) {
      case 'join':
        return this.join();
      case 'election':
        return this.stand();
      case 'vote':
        draft.election = undefined;
        return;
      case 'silence':
        // The coordinator forgot us, or we it: say again that we are here.
        this.endAttempt();
        this.timer('silence', 60_000);
        return this.join();
      case 'collect': {
        if (
          round?.plan.survivors == null ||
          round.phase.name === 'applied' ||
          round.phase.name === 'applying'
        )
          return;
        const missing = round.plan.owners.flatMap((owner, slice) =>
          this.sumFrom(round, slice, owner) === undefined ? [slice] : [],
        );
        if (missing.length > 0)
          this.reply({
            type: 'missing',
            run: this.context.run,
            attempt: round.attempt,
            tally: round.plan.tally,
            slices: missing,
          });
        this.timer('collect', collectDelayMs(round));
      }
    }
  }

  /** Of a model that is to be held, at once or, at one's own pace, when there is time to train from it. */
  private learnOf(model: ModelRef, holders: readonly NodeId[]): void {
    const others = holders.filter((id) => id !== this.context.self);
    if (this.pace.limits === undefined) this.fetch(model, holders);
    else this.pace.learnOf(model, others);
  }

  weight(): number {
    return this.pace.weightIn(this.draft.attempt!.base);
  }

  private fetch(model: ModelRef, holders: readonly NodeId[]): void {
    const others = holders.filter((id) => id !== this.context.self);
    this.draft.target = model;
    this.effects.push({ type: 'fetch-model', model, holders: others });
  }

  refuse(attempt: AttemptId, code: string, reason: string): void {
    this.reply({
      type: 'refuse',
      run: this.context.run,
      attempt,
      code: code.slice(0, 64),
      reason: reason.slice(0, 500),
    });
  }

  private endAttempt(keepTraining = false): void {
    const { draft } = this;
    if (draft.attempt === undefined) return;
    if (draft.attempt.phase.name === 'training' && !keepTraining)
      this.effects.push({ type: 'cancel-training' });
    this.effects.push(
      { type: 'cancel-sends', tag: attemptTag(draft.attempt.attempt) },
      { type: 'cancel-timer', name: 'collect' },
    );
    if (draft.attempt.secure !== undefined) this.secagg.forget(draft.attempt.attempt);
    draft.attempt = undefined;
  }

  phase(phase: AttemptPhase): void {
    this.draft.attempt = { ...this.draft.attempt!, phase };
  }

  reply(message: Message): void {
    if (this.draft.coordinator !== undefined) this.send(this.draft.coordinator, message);
  }

  send(to: NodeId, message: Message, receipt?: Receipt): void {
    const tag = 'attempt' in message ? attemptTag(message.attempt) : undefined;
    this.effects.push({
      type: 'send',
      to,
      message,
      ...(tag === undefined ? {} : { tag }),
      ...(receipt === undefined ? {} : { receipt }),
    });
  }

  timer(name: TimerName, delayMs: number): void {
    this.effects.push({ type: 'timer', name, delayMs });
  }

  notice(level: 'info' | 'warning' | 'error', text: string, error?: ErrorRecord | ErrorRecord['code']): void {
    const record = typeof error === 'string' ? { code: error, message: text } : error;
    this.effects.push({ type: 'notice', level, text, ...(record === undefined ? {} : { error: record }) });
  }
}

/** Whether more noise was added to the same update. */
function isNoisier(update: NoisedUpdate, before: NoisedUpdate): boolean {
  return update.shares !== undefined && before.shares !== undefined && update.shares < before.shares;
}

/** Everything in an attempt is bound to one cohort and one way of cutting. */
function isSameRound(a: Plan, b: Plan): boolean {
  return a.owners.length === b.owners.length && a.cohort.join() === b.cohort.join();
}

function rememberOwners(round: AttemptState, next: readonly NodeId[]): void {
  round.plan.owners.forEach((owner, slice) => {
    if (next[slice] !== owner)
      round.formerOwners.set(slice, [...(round.formerOwners.get(slice) ?? []), owner]);
  });
}
