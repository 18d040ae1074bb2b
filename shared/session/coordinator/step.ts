import type { ErrorCode } from '../../errors/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { AttemptId, Message, MessageOf, ModelRef, RoundRecord } from '../../wire/index.ts';
import {
  attemptTag,
  compareAttempts,
  type Effect,
  type SessionEvent,
  type Step,
  type TimerName,
} from '../effects.ts';
import { drawCohort } from './cohort.ts';
import {
  type CoordinatorContext,
  type CoordinatorState,
  draftOf,
  type FinishReason,
  type RoundState,
  remaining,
} from './state.ts';

/**
 * The coordinator: paces rounds, fixes who survived, replaces owners, concludes. It sees who did what and when,
 * never an update. The same machine runs on the server and on an elected peer. SPEC C-01 to C-37.
 */
export function stepCoordinator(
  state: CoordinatorState,
  event: SessionEvent,
  context: CoordinatorContext,
): Step<CoordinatorState> {
  const turn = new Turn(draftOf(state), event, context);
  turn.take();
  return { state: turn.draft, effects: turn.effects };
}

/** How often one slice may change hands before the round is given up. */
const MAX_REASSIGNMENTS = 4;
const MAX_RETRY_DELAY_MS = 10_000;
/** How many times the settling time is spent waiting for most of the newest round's survivors. */
const PATIENCE = 10;
const EVALUATION_MS = 60_000;
const MAX_HOLDERS = 8;

/** One step under way: changes a private copy of the state and gathers effects; nothing outlives it. */
class Turn {
  readonly draft: CoordinatorState;
  readonly effects: Effect[] = [];
  private readonly event: SessionEvent;
  private readonly context: CoordinatorContext;

  constructor(draft: CoordinatorState, event: SessionEvent, context: CoordinatorContext) {
    this.draft = draft;
    this.event = event;
    this.context = context;
  }

  take(): void {
    const { event } = this;
    switch (event.type) {
      case 'message':
        if (event.from !== SERVER) this.onMessage(event.from, event.message);
        else if (event.message.type === 'reject') this.onServerReject(event.message);
        break;
      case 'peer-up':
        // An elected coordinator makes itself known; the server is asked by participants themselves.
        if (this.context.self !== SERVER && event.peer !== SERVER) this.welcome(event.peer);
        break;
      case 'peer-down':
        if (event.peer !== SERVER) this.onDown(event.peer);
        break;
      case 'timer':
        this.onTimer(event.name);
        break;
      case 'model-fetched':
        if (event.model.hash === this.draft.model?.hash) this.draft.holders.add(this.context.self);
        this.draft.stored = Math.max(this.draft.stored, event.model.version);
        break;
      case 'command':
        if (event.command === 'stop') this.onStop();
        break;
    }
  }

  private get round(): RoundState | undefined {
    return this.draft.status.name === 'round' ? this.draft.status.round : undefined;
  }

  private onMessage(from: ParticipantId, message: Message): void {
    switch (message.type) {
      case 'join':
        return this.onJoin(from, message);
      case 'leave':
        this.onDown(from);
        this.draft.members.delete(from);
        return;
      case 'refuse':
      case 'trained':
      case 'uploaded':
      case 'missing':
      case 'applied':
      case 'reject':
        return this.onRoundMessage(from, message);
      case 'evaluated':
        return this.onEvaluated(from, message);
    }
  }

  // ---- members -----------------------------------------------------------------------------------------------

  private onJoin(from: ParticipantId, message: MessageOf<'join'>): void {
    const { draft, context } = this;
    const before = draft.members.get(from);
    if (before !== undefined && before.incarnation !== message.incarnation) this.onDown(from);
    if (message.term > draft.term) this.raiseTerm(message.term + 1);
    const { incarnation, model, examples, paused } = message;
    draft.members.set(from, { incarnation, model, examples, paused, here: true, refused: false });
    if (model !== null) this.learnOf(model, from);
    this.welcome(from);
    if (draft.status.name === 'finished') this.send(from, this.finishMessage(draft.status.reason));
    if (draft.status.name === 'gathering') this.timer('settle', context.settleMs);
    if (paused && this.round !== undefined && before?.paused === false) this.onDrop(this.round, from);
  }

  /** A model newer than ours exists: rounds went on elsewhere while we were away. */
  private learnOf(model: ModelRef, holder: ParticipantId): void {
    const { draft, context } = this;
    if (draft.unavailable.has(model.hash)) return;
    if (draft.model !== undefined && model.version <= draft.model.version) {
      if (model.hash === draft.model.hash) draft.holders.add(holder);
      return;
    }
    const fromRound = (draft.model?.version ?? 0) + 1;
    if (model.version >= fromRound && context.self === SERVER)
      this.effects.push({ type: 'fetch-history', from: holder, fromRound });
    draft.model = model;
    draft.holders = new Set([holder]);
    if (this.round !== undefined)
      this.abandon('round.superseded', 'A participant came back with a newer model.');
  }

  private raiseTerm(term: number): void {
    this.draft.term = term;
    this.effects.push({ type: 'save-term', term });
    if (this.round !== undefined)
      this.abandon('round.superseded', 'Another coordinator was at work in the meantime.');
  }

  private welcome(to: ParticipantId): void {
    const { draft, context } = this;
    this.send(to, {
      type: 'welcome',
      run: context.run,
      term: draft.term,
      model: draft.model ?? null,
      holders: this.holders(),
    });
  }

  private onDown(id: ParticipantId): void {
    const { draft } = this;
    const member = draft.members.get(id);
    if (member !== undefined) draft.members.set(id, { ...member, here: false });
    draft.holders.delete(id);
    if (draft.evaluation?.expected.has(id) && !draft.evaluation.counts.has(id)) {
      draft.evaluation = { ...draft.evaluation, expected: withoutItem(draft.evaluation.expected, id) };
      this.concludeEvaluation(false);
    }
    if (this.round?.plan.cohort.includes(id)) this.onDrop(this.round, id);
  }

  // ---- one round ---------------------------------------------------------------------------------------------

  private start(): void {
    const { draft, context, event } = this;
    if (draft.status.name !== 'gathering') return;
    const eligible = [...draft.members]
      .filter(([, member]) => member.here && !member.paused && !member.refused)
      .map(([id]) => id);
    const base = draft.model;
    if (base === undefined || eligible.length < context.minParticipants) return;
    if (base.version >= context.maximumRounds) return this.finish('maximum-rounds');
    if (!context.mesh && context.self !== SERVER) {
      return this.notice(
        'warning',
        'This federation exchanges updates through the server only; waiting for it to come back.',
      );
    }
    if (this.isAwaitingMost()) return this.timer('settle', context.settleMs);
    draft.gatheringSinceMs = undefined;
    const cohort = drawCohort(eligible, context.groupSize, event.entropy);
    const round = base.version + 1;
    const last = draft.lastAttempt;
    const attempt = {
      term: draft.term,
      round,
      attempt: last?.term === draft.term && last.round === round ? last.attempt + 1 : 0,
    };
    const plan = {
      revision: 0,
      cohort,
      owners: context.mesh ? [...cohort] : [SERVER as NodeId],
      survivors: null,
      tally: 0,
    };
    draft.lastAttempt = attempt;
    draft.status = {
      name: 'round',
      round: {
        attempt,
        base,
        plan,
        ownersRevision: 0,
        dropped: new Set(),
        trained: new Set(),
        uploaded: new Map(),
        applied: new Map(),
        evaluated: new Map(),
        reassigned: new Map(),
        startedAtMs: event.atMs,
        trainedAtMs: undefined,
        uploadedAtMs: undefined,
      },
    };
    // Also when a checkpoint was missed: its holder left, or rounds went on without the server.
    if (context.self === SERVER && base.version - draft.stored >= context.checkpointEvery)
      this.fetchModel(base);
    const { run, federationRevision, trainMs, exchangeMs, applyMs } = context;
    const holders = this.holders();
    for (const to of audience(this.round!)) {
      this.send(to, {
        type: 'invite',
        run,
        attempt,
        federationRevision,
        base,
        holders,
        plan,
        trainMs,
        exchangeMs,
        applyMs,
      });
    }
    this.timer('train', trainMs);
  }

  private onRoundMessage(
    from: ParticipantId,
    message: MessageOf<'refuse' | 'trained' | 'uploaded' | 'missing' | 'applied' | 'reject'>,
  ): void {
    const round = this.round;
    if (round === undefined || compareAttempts(message.attempt, round.attempt) !== 0) return;
    if (!round.plan.cohort.includes(from)) {
      return this.notice(
        'warning',
        `A ${message.type} message came from someone who does not take part in this round.`,
        'wire.out-of-phase',
      );
    }
    switch (message.type) {
      case 'refuse':
        return this.onRefuse(round, from, message);
      case 'trained':
        round.trained.add(from);
        return this.checkTrained(round);
      case 'uploaded':
        return this.onUploaded(round, from, message);
      case 'missing':
        return this.onMissing(round, message);
      case 'applied':
        if (round.plan.survivors === null || message.tally !== round.plan.tally) return;
        round.applied.set(from, message.hash);
        return this.checkApplied(round);
      case 'reject':
        if (!round.plan.owners.includes(from)) return;
        return this.onReject(round, message);
    }
  }

  /** The server's own owner refused a slice: the one thing that the server tells a coordinator. */
  private onServerReject(message: MessageOf<'reject'>): void {
    const round = this.round;
    if (round === undefined || compareAttempts(message.attempt, round.attempt) !== 0) return;
    if (round.plan.owners.includes(SERVER)) this.onReject(round, message);
  }

  private onRefuse(round: RoundState, from: ParticipantId, message: MessageOf<'refuse'>): void {
    const { draft } = this;
    if (message.code === 'model.unavailable' && draft.holders.has(this.context.self)) {
      // We hold it, so it is not lost: the trouble is that participant's own, and may be over by the next round.
      this.notice('warning', 'A participant could not get the model to start from.', 'model.unavailable');
      return this.onDrop(round, from);
    }
    if (message.code === 'model.unavailable') {
      // Nobody could deliver what we build on: fall back to the newest model that someone has.
      draft.unavailable.add(round.base.hash);
      draft.model = newestModel(draft);
      draft.holders = new Set(holdersOf(draft, draft.model));
      return this.abandon(
        'model.unavailable',
        'No participant could deliver the model that the round was to start from.',
      );
    }
    const member = draft.members.get(from);
    if (member !== undefined) draft.members.set(from, { ...member, refused: true });
    this.notice('info', `A participant refused round ${round.attempt.round}: ${message.reason}`);
    this.onDrop(round, from);
  }

  private checkTrained(round: RoundState): void {
    if (round.trainedAtMs !== undefined || !remaining(round).every((id) => round.trained.has(id))) return;
    round.trainedAtMs = this.event.atMs;
    this.effects.push({ type: 'cancel-timer', name: 'train' });
    this.timer('exchange', this.context.exchangeMs);
    this.checkUploaded(round);
  }

  private onUploaded(round: RoundState, from: ParticipantId, message: MessageOf<'uploaded'>): void {
    round.uploaded.set(from, message.revision);
    const stuck = message.undeliverable.filter(
      (slice) => message.revision >= round.ownersRevision && slice < round.plan.owners.length,
    );
    if (stuck.length > 0) return this.reassign(round, stuck);
    this.checkUploaded(round);
  }

  private checkUploaded(round: RoundState): void {
    if (round.plan.survivors !== null || round.trainedAtMs === undefined) return;
    const left = remaining(round);
    if (left.length < this.context.minParticipants) return this.abandonTooFew(left.length);
    if (!left.every((id) => (round.uploaded.get(id) ?? -1) >= round.ownersRevision)) return;
    round.uploadedAtMs = this.event.atMs;
    this.effects.push({ type: 'cancel-timer', name: 'exchange' });
    this.tally(round, left);
  }

  /** Fixes the survivors anew: every sum formed before is void. */
  private tally(round: RoundState, survivors: ParticipantId[]): void {
    round.applied.clear();
    this.revise(round, { survivors, tally: round.plan.tally + 1 });
    this.timer('apply', this.context.applyMs);
  }

  private revise(round: RoundState, change: Partial<RoundState['plan']>): void {
    round.plan = { ...round.plan, ...change, revision: round.plan.revision + 1 };
    if (change.owners !== undefined) {
      round.ownersRevision = round.plan.revision;
      // New owners are owed slices again, and senders the time to deliver them.
      if (round.plan.survivors === null && round.trainedAtMs !== undefined)
        this.timer('exchange', this.context.exchangeMs);
    }
    for (const to of audience(round)) {
      if (to === SERVER || this.draft.members.get(to)?.here) {
        this.send(to, { type: 'plan', run: this.context.run, attempt: round.attempt, plan: round.plan });
      }
    }
  }

  private reassign(
    round: RoundState,
    slices: readonly number[],
    change: Partial<RoundState['plan']> = {},
  ): void {
    const owners = [...round.plan.owners];
    for (const slice of slices) {
      const times = (round.reassigned.get(slice) ?? 0) + 1;
      round.reassigned.set(slice, times);
      const next = times > MAX_REASSIGNMENTS ? undefined : this.nextOwner(round, slice);
      if (next === undefined)
        return this.abandon('round.owner-lost', `Nobody is left to add up slice ${slice}.`);
      owners[slice] = next;
    }
    this.revise(round, { ...change, owners });
    this.checkUploaded(round);
  }

  /** The server where it may and can, since everyone reaches it; else the next participant in order. SPEC C-22. */
  private nextOwner(round: RoundState, slice: number): NodeId | undefined {
    const { self, serverMayOwn } = this.context;
    const old = round.plan.owners[slice]!;
    if (self === SERVER && serverMayOwn && old !== SERVER) return SERVER;
    const candidates = remaining(round).filter((id) => id !== old);
    return candidates[(slice + (round.reassigned.get(slice) ?? 0)) % Math.max(1, candidates.length)];
  }

  private onMissing(round: RoundState, message: MessageOf<'missing'>): void {
    if (round.plan.survivors === null || message.tally !== round.plan.tally) return;
    const slices = message.slices.filter((slice) => slice < round.plan.owners.length);
    if (slices.length > 0) this.reassign(round, slices);
  }

  private onReject(round: RoundState, { participant, code }: MessageOf<'reject'>): void {
    if (!round.plan.cohort.includes(participant) || round.dropped.has(participant)) return;
    this.notice(
      'warning',
      `What ${participant} sent was refused by an owner; it is left out of this round.`,
      code as ErrorCode,
    );
    this.onDrop(round, participant, true);
  }

  /** Someone of the cohort no longer counts. `tainted`: what it sent must not stay in the sum either. */
  private onDrop(round: RoundState, id: ParticipantId, tainted = false): void {
    if (round.dropped.has(id)) return;
    round.dropped.add(id);
    const { survivors } = round.plan;
    const owned = round.plan.owners.flatMap((owner, slice) => (owner === id && !tainted ? [slice] : []));
    const left = remaining(round);
    if (survivors === null) {
      if (left.length < this.context.minParticipants) return this.abandonTooFew(left.length);
      if (owned.length > 0) this.reassign(round, owned);
      if (this.round !== undefined) this.checkTrained(this.round);
      if (this.round !== undefined) this.checkUploaded(this.round);
      return;
    }
    if (!tainted && this.allApplied(round)) return this.conclude(round);
    // With its own slices gone with it, its share of the sum cannot be completed: count again without it. SPEC C-24.
    const recount = survivors.includes(id) && (owned.length > 0 || tainted);
    const counted = recount ? survivors.filter((other) => other !== id) : survivors;
    if (counted.length < this.context.minParticipants) return this.abandonTooFew(counted.length);
    const change = recount ? { survivors: counted, tally: round.plan.tally + 1 } : {};
    if (recount) {
      round.applied.clear();
      this.timer('apply', this.context.applyMs);
    }
    if (owned.length > 0) this.reassign(round, owned, change);
    else if (recount) this.revise(round, change);
    if (this.round !== undefined) this.checkApplied(this.round);
  }

  private allApplied(round: RoundState): boolean {
    const waitedFor = (round.plan.survivors ?? []).filter((id) => !round.dropped.has(id));
    return waitedFor.length > 0 && waitedFor.every((id) => round.applied.has(id));
  }

  private checkApplied(round: RoundState): void {
    if (round.plan.survivors !== null && this.allApplied(round)) this.conclude(round);
  }

  private conclude(round: RoundState): void {
    const { draft, context, event } = this;
    const byHash = new Map<string, ParticipantId[]>();
    for (const [id, hash] of round.applied) byHash.set(hash, [...(byHash.get(hash) ?? []), id]);
    const [hash, holders] = [...byHash].sort((a, b) => b[1].length - a[1].length)[0] ?? ['', []];
    const needed = Math.min(context.minParticipants, round.plan.survivors!.length);
    if (holders.length < needed || holders.length * 2 <= round.applied.size) {
      return this.abandon('round.diverged', `${byHash.size} different models came out of one round.`);
    }
    if (byHash.size > 1)
      this.notice(
        'error',
        'Some participants computed another model and fetch the common one.',
        'round.diverged',
      );
    const record: RoundRecord = {
      ...round.attempt,
      coordinator: context.self,
      federationRevision: context.federationRevision,
      baseHash: round.base.hash,
      hash,
      survivors: round.plan.survivors!,
      dropped: [...round.dropped].filter((id) => !round.plan.survivors!.includes(id)),
      startedAtMs: round.startedAtMs,
      trainMs: elapsedMs(round.startedAtMs, round.trainedAtMs!),
      exchangeMs: elapsedMs(round.trainedAtMs!, round.uploadedAtMs!),
      applyMs: elapsedMs(round.uploadedAtMs!, event.atMs),
      evaluation: null,
    };
    draft.model = { version: record.round, hash };
    draft.holders = new Set(holders);
    draft.failures = 0;
    draft.electorate = round.plan.survivors!;
    for (const id of holders) {
      const member = draft.members.get(id);
      if (member !== undefined) draft.members.set(id, { ...member, model: draft.model });
    }
    this.cancelRoundTimers();
    this.effects.push({ type: 'save-record', record });
    this.concludeEvaluation(true);
    if (context.evaluates) {
      const expected = new Set(holders.filter((id) => round.plan.survivors!.includes(id)));
      const early = [...round.evaluated].filter(([id, done]) => done.hash === hash && expected.has(id));
      draft.evaluation = { record, expected, counts: new Map(early.map(([id, { counts }]) => [id, counts])) };
      this.timer('evaluation', EVALUATION_MS);
    }
    this.announce(record);
    draft.status = { name: 'gathering' };
    const last = record.round >= context.maximumRounds;
    const reason: FinishReason | undefined = last ? 'maximum-rounds' : draft.finishAfterRound;
    if (context.self === SERVER && (reason !== undefined || record.round % context.checkpointEvery === 0))
      this.fetchModel(draft.model);
    if (reason === undefined) this.start();
    else if (draft.evaluation === undefined) this.finish(reason);
    else draft.status = { name: 'closing', reason };
    this.concludeEvaluation(false);
  }

  private announce(record: RoundRecord): void {
    for (const [id, member] of this.draft.members) {
      if (member.here)
        this.send(id, { type: 'commit', run: this.context.run, record, holders: this.holders() });
    }
  }

  private abandonTooFew(left: number): void {
    this.abandon(
      'round.too-few-participants',
      `${left} participants remain; the federation needs ${this.context.minParticipants}.`,
    );
  }

  private abandon(code: ErrorCode, reason: string): void {
    const { draft } = this;
    const round = this.round;
    if (round === undefined) return;
    for (const to of audience(round)) {
      if (to === SERVER || draft.members.get(to)?.here) {
        this.send(to, { type: 'abandon', run: this.context.run, attempt: round.attempt, code, reason });
      }
    }
    this.cancelRoundTimers();
    this.effects.push({ type: 'cancel-sends', tag: roundTag(round.attempt) });
    this.notice('warning', `Round ${round.attempt.round} was abandoned: ${reason}`, code);
    draft.status = { name: 'gathering' };
    this.timer('retry', Math.min(MAX_RETRY_DELAY_MS, 250 * 2 ** draft.failures));
    draft.failures++;
  }

  // ---- evaluation and the end --------------------------------------------------------------------------------

  private onEvaluated(from: ParticipantId, message: MessageOf<'evaluated'>): void {
    const { evaluation } = this.draft;
    const { hash, counts } = message;
    if (message.round === this.round?.attempt.round) this.round.evaluated.set(from, { hash, counts });
    if (evaluation === undefined || evaluation.record.hash !== message.hash || !evaluation.expected.has(from))
      return;
    evaluation.counts.set(from, message.counts);
    this.concludeEvaluation(false);
  }

  /** `force`: what has not come by now is left out; the record says of how many examples it speaks. */
  private concludeEvaluation(force: boolean): void {
    const { draft, context } = this;
    const pending = draft.evaluation;
    if (pending === undefined || (!force && pending.counts.size < pending.expected.size)) return;
    draft.evaluation = undefined;
    this.effects.push({ type: 'cancel-timer', name: 'evaluation' });
    if (pending.counts.size > 0) {
      const sum = { total: 0, correct: 0, lossSum: 0 };
      for (const counts of pending.counts.values()) {
        sum.total += counts.total;
        sum.correct += counts.correct;
        sum.lossSum += counts.lossSum;
      }
      const record = { ...pending.record, evaluation: sum };
      this.effects.push({ type: 'save-record', record });
      this.announce(record);
      const { targetAccuracy } = context;
      if (targetAccuracy !== undefined && sum.total > 0 && sum.correct / sum.total >= targetAccuracy) {
        if (draft.status.name === 'gathering') return this.finish('target-accuracy');
        draft.finishAfterRound = 'target-accuracy';
      }
    }
    if (draft.status.name === 'closing') this.finish(draft.status.reason);
  }

  private onStop(): void {
    if (this.draft.status.name === 'finished') return;
    if (this.round !== undefined) this.abandon('round.superseded', 'The run was stopped.');
    this.finish('stopped');
  }

  private finish(reason: FinishReason): void {
    const { draft } = this;
    draft.status = { name: 'finished', reason };
    this.effects.push({ type: 'cancel-timer', name: 'retry' }, { type: 'cancel-timer', name: 'settle' });
    if (draft.model === undefined) return;
    if (this.context.self === SERVER && !draft.holders.has(SERVER)) this.fetchModel(draft.model);
    for (const [id, member] of draft.members) if (member.here) this.send(id, this.finishMessage(reason));
  }

  private finishMessage(reason: FinishReason): Message {
    return { type: 'finish', run: this.context.run, model: this.draft.model!, reason };
  }

  // ---- timers and small things -------------------------------------------------------------------------------

  private onTimer(name: TimerName): void {
    const round = this.round;
    switch (name) {
      case 'settle':
      case 'retry':
        return this.start();
      case 'evaluation':
        return this.concludeEvaluation(true);
      case 'train':
        return this.dropLate(round, (id) => round!.trained.has(id));
      case 'exchange':
        return this.dropLate(round, (id) => (round!.uploaded.get(id) ?? -1) >= round!.ownersRevision);
      case 'apply':
        if (round === undefined) return;
        if (round.applied.size >= this.context.minParticipants) return this.conclude(round);
        return this.abandon('round.deadline', 'Too few participants held the new model in time.');
    }
  }

  /** Those of the newest round may have gone on without us: their model is the one to build on. SPEC C-08. */
  private isAwaitingMost(): boolean {
    const { draft, event, context } = this;
    const here = draft.electorate.filter((id) => draft.members.get(id)?.here).length;
    if (here * 2 > draft.electorate.length || draft.electorate.length === 0) return false;
    draft.gatheringSinceMs ??= event.atMs;
    return event.atMs - draft.gatheringSinceMs < PATIENCE * context.settleMs;
  }

  private dropLate(round: RoundState | undefined, inTime: (id: ParticipantId) => boolean): void {
    if (round === undefined) return;
    for (const id of remaining(round).filter((other) => !inTime(other))) {
      if (this.round?.attempt !== round.attempt) return;
      this.onDrop(round, id);
    }
  }

  private fetchModel(model: ModelRef): void {
    const holders = this.holders().filter((id) => id !== this.context.self);
    if (holders.length > 0) this.effects.push({ type: 'fetch-model', model, holders });
  }

  private holders(): NodeId[] {
    return [...this.draft.holders].slice(0, MAX_HOLDERS);
  }

  private cancelRoundTimers(): void {
    for (const name of ['train', 'exchange', 'apply'] as const)
      this.effects.push({ type: 'cancel-timer', name });
  }

  private send(to: NodeId, message: Message): void {
    const tag = 'attempt' in message && message.type !== 'abandon' ? roundTag(message.attempt) : undefined;
    this.effects.push({ type: 'send', to, message, ...(tag === undefined ? {} : { tag }) });
  }

  private timer(name: TimerName, delayMs: number): void {
    this.effects.push({ type: 'timer', name, delayMs });
  }

  private notice(level: 'info' | 'warning' | 'error', text: string, code?: ErrorCode): void {
    this.effects.push({
      type: 'notice',
      level,
      text,
      ...(code === undefined ? {} : { error: { code, message: text } }),
    });
  }
}

/** Apart from the tag of a participant on the same node, which ends its own attempt in its own time. */
function roundTag(attempt: AttemptId): string {
  return `coordinate ${attemptTag(attempt)}`;
}

/** A clock that was set back in mid-round makes a duration unknown, not negative. */
function elapsedMs(fromMs: number, toMs: number): number {
  return Math.max(0, toMs - fromMs);
}

/** Everyone who must know the plan: the cohort, and the server where it owns a slice. */
function audience({ plan }: RoundState): NodeId[] {
  return plan.owners.includes(SERVER) ? [...plan.cohort, SERVER] : plan.cohort;
}

function newestModel(draft: CoordinatorState): ModelRef | undefined {
  let newest: ModelRef | undefined;
  for (const { model, here } of draft.members.values()) {
    if (
      here &&
      model !== null &&
      !draft.unavailable.has(model.hash) &&
      model.version > (newest?.version ?? -1)
    )
      newest = model;
  }
  return newest;
}

function holdersOf(draft: CoordinatorState, model: ModelRef | undefined): ParticipantId[] {
  return [...draft.members]
    .filter(([, member]) => member.here && member.model?.hash === model?.hash)
    .map(([id]) => id);
}

function withoutItem<T>(items: ReadonlySet<T>, item: T): Set<T> {
  const copy = new Set(items);
  copy.delete(item);
  return copy;
}
