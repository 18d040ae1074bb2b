import type { ErrorCode } from '../../errors/index.ts';
import { secureThreshold } from '../../federation/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { AttemptId, Message, MessageOf, ModelRef, RoundRecord } from '../../wire/index.ts';
import {
  compareAttempts,
  type RoundTimerName,
  type SessionEvent,
  type Step,
  type TimerName,
} from '../effects.ts';
import { type DrawProof, groupable } from '../groups.ts';
import { type AsyncDesk, forgetSpent, onReady, readyFirst, useUp } from './async-round.ts';
import { Desk, roundTag } from './desk.ts';
import {
  abandonDraw,
  beginDraw,
  closeDraw,
  type DrawDesk,
  groupSizesOf,
  leaveDraw,
  onNonce,
} from './draw.ts';
import { holdersOf, newestModel, withoutItem } from './members.ts';
import { isAdmitted, narrowed, type OrderDesk, onOrder, sayNotListed, withOrder } from './orders.ts';
import { favouriteOf, recordOf, survivorsOf } from './record.ts';
import {
  isRollbackDue,
  onRollbackFailed,
  onRolledBack,
  type RollbackDesk,
  rollBack,
  weigh,
} from './rollback.ts';
import {
  advance,
  askToConfirm,
  convictedOwners,
  handOver,
  isRevealing,
  maySurvive,
  onDispute,
  onMissing,
  onSetupMessage,
  onSetupTimer,
  onSurvivorRejected,
  type SecureDesk,
} from './secure-round.ts';
import { beginSecure, isSecure, neededBy } from './secure-stage.ts';
import {
  type CutOffDesk,
  cutOff,
  hasEnough,
  noteFailed,
  noteInvited,
  noteJoined,
  noteTrained,
  select,
} from './selection.ts';
import {
  beginJudgement,
  type EvaluationDesk,
  hasJudge,
  isAwaitingVerdict,
  onAggregated,
  onAggregateFailed,
  onJudged,
  onJudgeFailed,
  sayStandby,
} from './server-evaluation.ts';
import {
  abandonGroup,
  checkTotal,
  closeTotal,
  fewestIn,
  finishGroup,
  hasReported,
  onCollected,
  onTotalApplied,
  type SplitDesk,
} from './split.ts';
import { accuracyOf } from './standing.ts';
import {
  audience,
  type CoordinatorContext,
  type CoordinatorState,
  draftOf,
  type FinishReason,
  MAX_REASSIGNMENTS,
  present,
  type RoundState,
  remaining,
} from './state.ts';

/**
 * The coordinator: paces rounds, fixes who survived, replaces owners, concludes. It sees who did what and when,
 * never an update. The same machine runs on the server and on an elected peer. SPEC C-01 to C-37;
 * of a secure round, `secure-round.ts`; of one of several groups, `draw.ts` and `split.ts`.
 */
export function stepCoordinator(
  state: CoordinatorState,
  event: SessionEvent,
  context: CoordinatorContext,
): Step<CoordinatorState> {
  const ordered = event.type === 'order' ? withOrder(state, event.order) : state;
  const turn = new Turn(draftOf(ordered), event, narrowed(context, ordered.limits));
  turn.take(state);
  return { state: turn.draft, effects: turn.effects };
}

const MAX_RETRY_DELAY_MS = 10_000;
/** How many times the settling time is spent waiting for most of the newest round's survivors. */
const PATIENCE = 10;
const EVALUATION_MS = 60_000;

class Turn
  extends Desk
  implements SecureDesk, DrawDesk, SplitDesk, AsyncDesk, CutOffDesk, EvaluationDesk, RollbackDesk, OrderDesk
{
  take(before: CoordinatorState): void {
    this.hear(before);
    if (!isRollbackDue(this) || this.draft.status.name === 'finished') return;
    if (!this.isAwaitingMost()) return rollBack(this);
    // Nobody may be left whom there is anything to hear from: after the last round they go home.
    this.timer('settle', this.context.settleMs);
  }

  private hear(before: CoordinatorState): void {
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
      case 'collected':
        onCollected(this, event);
        break;
      case 'counted': {
        const round = this.roundOf(event.participant);
        if (round !== undefined && compareAttempts(event.attempt, round.attempt) === 0)
          round.counted.add(event.participant);
        break;
      }
      case 'model-fetched':
        if (event.model.hash === this.draft.model?.hash) this.draft.holders.add(this.context.self);
        this.draft.stored = Math.max(this.draft.stored, event.model.version);
        break;
      case 'aggregated':
        return onAggregated(this, event);
      case 'aggregate-failed':
        return onAggregateFailed(this, event);
      case 'judged':
        return onJudged(this, event);
      case 'judge-failed':
        return onJudgeFailed(this, event);
      case 'rolled-back':
        return onRolledBack(this, event);
      case 'rollback-failed':
        return onRollbackFailed(this, event);
      case 'allowance':
        this.draft.allowances.set(event.participant, event.rounds);
        if (this.draft.status.name === 'gathering') this.timer('settle', this.context.settleMs);
        break;
      case 'order':
        return onOrder(this, event.order, before);
      case 'command':
        if (event.command === 'stop') this.onStop();
        break;
    }
  }

  private onMessage(from: ParticipantId, message: Message): void {
    switch (message.type) {
      case 'join':
        return this.onJoin(from, message);
      case 'leave':
        this.onDown(from);
        this.forget(from);
        return;
      case 'refuse':
      case 'trained':
      case 'uploaded':
      case 'missing':
      case 'applied':
      case 'summed':
      case 'dispute':
      case 'keys':
      case 'shares':
      case 'confirm':
      case 'reject':
        return this.onRoundMessage(from, message);
      case 'nonce':
        return onNonce(this, from, message);
      case 'evaluated':
        return this.onEvaluated(from, message);
      case 'ready':
        return onReady(this, from, message);
      case 'device': {
        const member = this.draft.members.get(from);
        if (member !== undefined) this.draft.members.set(from, { ...member, device: message.device });
      }
    }
  }

  // ---- members -----------------------------------------------------------------------------------------------

  private onJoin(from: ParticipantId, message: MessageOf<'join'>): void {
    const { draft, context } = this;
    const before = draft.members.get(from);
    if (before !== undefined && before.incarnation !== message.incarnation) this.onDown(from);
    if (message.term > draft.term) this.raiseTerm(message.term + 1);
    const { incarnation, model, examples, paused, commitment } = message;
    draft.members.set(from, { incarnation, model, examples, paused, here: true, refused: false, commitment });
    noteJoined(this, from);
    if (model !== null) this.learnOf(model, from);
    this.welcome(from);
    sayStandby(this, from);
    sayNotListed(this, from);
    if (draft.status.name === 'finished') this.send(from, this.finishMessage(draft.status.reason));
    if (draft.status.name === 'gathering') this.timer('settle', context.settleMs);
    if (paused && before?.paused === false) this.lose(from);
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
    this.supersede('A participant came back with a newer model.');
  }

  private raiseTerm(term: number): void {
    this.draft.term = term;
    this.effects.push({ type: 'save-term', term });
    this.supersede('Another coordinator was at work in the meantime.');
  }

  supersede(reason: string): void {
    abandonDraw(this, 'round.superseded', reason);
    this.abandonAll('round.superseded', reason);
  }

  /** Someone is no longer counted on, whatever is under way. */
  private lose(id: ParticipantId): void {
    leaveDraw(this, id);
    const round = this.roundOf(id);
    if (round !== undefined) this.drop(round, id);
  }

  /** Whoever comes back joins, and is told of anew. */
  private forget(id: ParticipantId): void {
    this.draft.members.delete(id);
    this.draft.allowances.delete(id);
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
    this.lose(id);
  }

  // ---- one round ---------------------------------------------------------------------------------------------

  start(): void {
    const { draft, context } = this;
    if (draft.status.name !== 'gathering') return;
    if (draft.finishAfterRound !== undefined) {
      draft.status = { name: 'closing', reason: draft.finishAfterRound };
      return this.closeIfDone();
    }
    if (draft.hold !== undefined) return;
    const present = [...draft.members.keys()].filter((id) => this.mayTakePart(id));
    this.saySpent(present.length);
    const base = draft.model;
    if (base === undefined || present.length < context.minParticipants) return;
    if (base.version >= context.maximumRounds) return this.finish('maximum-rounds');
    const eligible = context.maxStaleness === undefined ? present : readyFirst(this, present, base);
    if (eligible.length < context.minParticipants) return;
    if (context.self !== SERVER && (!context.mesh || context.fewestGroups !== undefined)) {
      return this.notice(
        'warning',
        'This federation exchanges updates through the server only; waiting for it to come back.',
      );
    }
    if (this.isAwaitingMost()) return this.timer('settle', context.settleMs);
    if (draft.rollingBack !== undefined || isRollbackDue(this) || isAwaitingVerdict(this)) return;
    if (!hasJudge(this)) return;
    draft.gatheringSinceMs = undefined;
    const round = base.version + 1;
    const last = draft.lastAttempt;
    const attempt = {
      term: draft.term,
      round,
      attempt: last?.term === draft.term && last.round === round ? last.attempt + 1 : 0,
    };
    draft.lastAttempt = attempt;
    const drawn = this.drawMembers(eligible);
    if (drawn !== undefined) return beginDraw(this, attempt, base, drawn);
    if (context.fewestGroups !== undefined)
      return this.notice(
        'warning',
        'The robust rule is over groups, of which there is one.',
        'aggregate.too-few',
      );
    this.beginRounds(attempt, base, [this.choose(eligible, context.groupSize)], undefined, []);
  }

  /** Of those who are ready, whoever has waited longest. @returns in the order of their ids. */
  private choose(eligible: readonly ParticipantId[], size: number): ParticipantId[] {
    const isAsync = this.context.maxStaleness !== undefined;
    return isAsync ? eligible.slice(0, size).sort() : select(this, eligible, size);
  }

  private mayTakePart(id: ParticipantId): boolean {
    return (
      this.isWilling(id) &&
      isAdmitted(this.draft, id) &&
      (!this.context.rations || (this.draft.allowances.get(id) ?? 0) > 0)
    );
  }

  private isWilling(id: ParticipantId): boolean {
    const member = this.draft.members.get(id);
    return member?.here === true && !member.paused && !member.refused;
  }

  /** Once for each change: the round waits for others than those whose privacy budget is spent. SPEC C-38. */
  private saySpent(eligible: number): void {
    const { draft, context } = this;
    const isSpent = (id: ParticipantId) =>
      this.isWilling(id) && isAdmitted(draft, id) && draft.allowances.get(id) === 0;
    const spent = context.rations ? [...draft.members.keys()].filter(isSpent).length : 0;
    const isShort = eligible < context.minParticipants && eligible + spent >= context.minParticipants;
    if (isShort && spent !== draft.spentSaid)
      this.notice(
        'warning',
        `Participants whose privacy budget is spent: ${spent}. The round waits for ${context.minParticipants - eligible} more.`,
        'privacy.budget-exceeded',
      );
    draft.spentSaid = isShort ? spent : 0;
  }

  /** Those to be split into groups; undefined where one group is all there is. An elected coordinator draws none. SPEC G-01. */
  private drawMembers(eligible: readonly ParticipantId[]): ParticipantId[] | undefined {
    const { draft, context } = this;
    const { groupSize, maxParticipants } = context;
    if (context.self !== SERVER || maxParticipants <= groupSize) return undefined;
    const committed = eligible.filter((id) => draft.members.get(id)!.commitment !== undefined);
    const members = groupable(Math.min(committed.length, maxParticipants), groupSizesOf(context));
    return members > groupSize ? this.choose(committed, members) : undefined;
  }

  beginRounds(
    attempt: AttemptId,
    base: ModelRef,
    cohorts: readonly (readonly ParticipantId[])[],
    draw: DrawProof | undefined,
    lost: readonly ParticipantId[],
  ): void {
    const { draft, context } = this;
    const rounds = cohorts.map((cohort, group): RoundState => {
      return {
        group,
        attempt,
        base,
        plan: {
          revision: 0,
          cohort: [...cohort],
          owners: context.mesh ? [...cohort] : [SERVER as NodeId],
          survivors: null,
          tally: 0,
          ...(draw === undefined ? {} : { group: { index: group, count: cohorts.length } }),
        },
        ownersRevision: 0,
        dropped: new Set(),
        trained: new Set(),
        uploaded: new Map(),
        counted: new Set(),
        applied: new Map(),
        evaluated: new Map(),
        reassigned: new Map(),
        startedAtMs: this.atMs,
        trainedAtMs: undefined,
        uploadedAtMs: undefined,
        secure: this.beginSecure(attempt, base, cohort),
        collected: undefined,
        isFinished: false,
      };
    });
    for (const cohort of cohorts) {
      useUp(this, cohort);
      noteInvited(this, cohort);
    }
    const split = draw === undefined ? undefined : { draw, lost, applied: undefined };
    draft.status = { name: 'round', rounds, split };
    // Also when a checkpoint was missed: its holder left, or rounds went on without the server.
    if (context.self === SERVER && base.version - draft.stored >= context.checkpointEvery)
      this.fetchModel(base);
    const { run, federationRevision, trainMs, exchangeMs, applyMs } = context;
    const holders = this.holders();
    for (const round of rounds) {
      const { plan } = round;
      const deadlines = { trainMs, exchangeMs, applyMs };
      for (const to of audience(round)) {
        this.send(to, {
          type: 'invite',
          run,
          attempt,
          federationRevision,
          base,
          holders,
          plan,
          ...deadlines,
          ...(draw === undefined ? {} : { draw: { cohort: [...draw.cohort], nonces: [...draw.nonces] } }),
        });
      }
      // Whoever is late with keys or shares is left out at deadlines of their own, before others can have masked anything.
      this.roundTimer(round, 'train', context.secure ? Math.max(trainMs, 3 * context.setupMs) : trainMs);
      if (context.secure) this.roundTimer(round, 'keys', context.setupMs);
    }
    // Who left between its nonce and now is in a group that it does not take part in.
    for (const round of rounds)
      for (const id of round.plan.cohort)
        if (this.isUnderWay(round) && !this.mayTakePart(id)) this.drop(round, id);
  }

  private beginSecure(
    attempt: AttemptId,
    base: ModelRef,
    cohort: readonly ParticipantId[],
  ): RoundState['secure'] {
    const { run, federationRevision, secure, self, serverMayOwn } = this.context;
    if (!secure) return undefined;
    const bound = { run, attempt, federationRevision, baseHash: base.hash };
    return beginSecure(bound, cohort, self === SERVER && serverMayOwn);
  }

  private onRoundMessage(
    from: ParticipantId,
    message: MessageOf<
      | 'refuse'
      | 'trained'
      | 'uploaded'
      | 'missing'
      | 'applied'
      | 'summed'
      | 'dispute'
      | 'keys'
      | 'shares'
      | 'confirm'
      | 'reject'
    >,
  ): void {
    const { status, lastAttempt } = this.draft;
    if (lastAttempt === undefined || compareAttempts(message.attempt, lastAttempt) !== 0) return;
    if (status.name === 'drawing' && message.type === 'refuse') return this.onDrawRefused(from, message);
    if (status.name !== 'round') return;
    const round = this.roundOf(from);
    if (round === undefined) {
      // Its group was abandoned, which it may not have heard yet.
      if (status.split?.lost.includes(from)) return;
      return this.notice(
        'warning',
        `A ${message.type} message came from someone who does not take part in this round.`,
        'wire.out-of-phase',
      );
    }
    if (message.type === 'applied' && status.split !== undefined)
      return onTotalApplied(this, status.split, from, message.hash);
    if (round.isFinished && message.type !== 'refuse') return;
    switch (message.type) {
      case 'refuse':
        return this.onRefuse(round, from, message);
      case 'trained':
        noteTrained(this, round, from);
        round.trained.add(from);
        return this.checkTrained(round);
      case 'uploaded':
        return this.onUploaded(round, from, message);
      case 'missing':
        return this.onMissing(round, message);
      case 'summed':
      case 'applied':
        if (message.type === 'summed' && status.split === undefined) return;
        if (round.plan.survivors === null || message.tally !== round.plan.tally) return;
        if (!isRevealing(round)) return;
        round.applied.set(from, message.hash);
        return this.checkApplied(round);
      case 'dispute':
        return onDispute(this, round, message);
      case 'keys':
      case 'shares':
      case 'confirm':
        return onSetupMessage(this, round, from, message);
      case 'reject':
        if (!round.plan.owners.includes(from)) return;
        return this.onReject(round, message);
    }
  }

  /** The server's own owner refused a slice, or its doorkeeper a signature: the one thing that it tells a coordinator. */
  private onServerReject(message: MessageOf<'reject'>): void {
    const round = this.roundOf(message.participant);
    if (round === undefined || compareAttempts(message.attempt, round.attempt) !== 0) return;
    if (round.isFinished) return;
    if (this.context.self === SERVER || round.plan.owners.includes(SERVER)) this.onReject(round, message);
  }

  private onDrawRefused(from: ParticipantId, { attempt, code, reason }: MessageOf<'refuse'>): void {
    this.exclude(from);
    this.notice(
      'warning',
      `A participant refused the draw of round ${attempt.round}: ${reason}`,
      code as ErrorCode,
    );
    leaveDraw(this, from);
  }

  private onRefuse(round: RoundState, from: ParticipantId, message: MessageOf<'refuse'>): void {
    const { draft } = this;
    if (message.code === 'model.unavailable' && draft.holders.has(this.context.self)) {
      // We hold it, so it is not lost: the trouble is that participant's own, and may be over by the next round.
      this.notice('warning', 'A participant could not get the model to start from.', 'model.unavailable');
      return this.drop(round, from);
    }
    if (message.code === 'model.unavailable') {
      // Nobody could deliver what we build on: fall back to the newest model that someone has.
      draft.unavailable.add(round.base.hash);
      draft.model = newestModel(draft);
      draft.holders = new Set(holdersOf(draft, draft.model));
      return this.abandonAll(
        'model.unavailable',
        'No participant could deliver the model that the round was to start from.',
      );
    }
    // What it was sent was wrong, which is another's fault, or it has nothing to send yet: it is welcome in the next attempt.
    const isWelcome = message.code.startsWith('secagg.') || message.code === 'round.not-ready';
    if (!isWelcome) this.exclude(from);
    this.notice('info', `A participant refused round ${round.attempt.round}: ${message.reason}`);
    this.drop(round, from);
  }

  checkTrained(round: RoundState): void {
    if (round.trainedAtMs !== undefined) return;
    // Nobody can mask, let alone upload, before it is fixed whose masks are in everyone's vector.
    if (isSecure(round) && round.secure.stage.name !== 'masking') return;
    const late = remaining(round).filter((id) => !round.trained.has(id));
    if (late.length > 0 && !hasEnough(this, round, late)) return;
    round.trainedAtMs = this.event.atMs;
    this.cancelRoundTimer(round, 'train');
    this.roundTimer(round, 'exchange', this.context.exchangeMs);
    if (late.length > 0) cutOff(this, round, late);
    else this.checkUploaded(round);
  }

  private onUploaded(round: RoundState, from: ParticipantId, message: MessageOf<'uploaded'>): void {
    round.uploaded.set(from, message.revision);
    const stuck = message.undeliverable.filter(
      (slice) => message.revision >= round.ownersRevision && slice < round.plan.owners.length,
    );
    if (stuck.length === 0) {
      if (this.addsAsTheyCome(round) && round.trained.has(from) && !round.dropped.has(from))
        this.effects.push({ type: 'count-in', attempt: round.attempt, participant: from });
      return this.checkUploaded(round);
    }
    if (isSecure(round) && round.plan.survivors !== null) return handOver(this, round, stuck, 'missing');
    // Where nobody but the server can own, whoever does not reach it is the one to go on without.
    if (!this.context.mesh) return this.drop(round, from);
    this.reassign(round, stuck);
  }

  /** The server owns the one slice there is, until the attempt ends, and all that is wanted of updates is their sum. SPEC C-56. */
  private addsAsTheyCome(round: RoundState): boolean {
    const { self, mesh, aggregates } = this.context;
    if (self !== SERVER || mesh || isSecure(round)) return false;
    return aggregates !== true && round.plan.survivors === null;
  }

  checkUploaded(round: RoundState): void {
    if (round.plan.survivors !== null || round.trainedAtMs === undefined) return;
    const left = remaining(round);
    const here = present(round).length;
    if (here < this.needed(round)) return this.abandonTooFew(round, here);
    if (!left.every((id) => (round.uploaded.get(id) ?? -1) >= round.ownersRevision)) return;
    if (!maySurvive(this, round, left)) return;
    round.uploadedAtMs = this.event.atMs;
    this.cancelRoundTimer(round, 'exchange');
    this.tally(round, left);
  }

  /** Fixes the survivors anew: every sum formed before is void. */
  private tally(round: RoundState, survivors: ParticipantId[]): void {
    round.applied.clear();
    round.collected = undefined;
    this.revise(round, { survivors, tally: round.plan.tally + 1 });
    this.roundTimer(round, 'apply', this.context.applyMs);
    askToConfirm(this, round);
  }

  revise(round: RoundState, change: Partial<RoundState['plan']>): void {
    round.plan = { ...round.plan, ...change, revision: round.plan.revision + 1 };
    if (change.owners !== undefined) {
      round.ownersRevision = round.plan.revision;
      // New owners are owed slices again, and senders the time to deliver them.
      if (round.plan.survivors === null && round.trainedAtMs !== undefined)
        this.roundTimer(round, 'exchange', this.context.exchangeMs);
    }
    for (const to of audience(round)) {
      if (this.isHere(to)) {
        this.send(to, { type: 'plan', run: this.context.run, attempt: round.attempt, plan: round.plan });
      }
    }
  }

  reassign(round: RoundState, slices: readonly number[], change: Partial<RoundState['plan']> = {}): void {
    const owners = [...round.plan.owners];
    for (const slice of slices) {
      const times = (round.reassigned.get(slice) ?? 0) + 1;
      round.reassigned.set(slice, times);
      const next = times > MAX_REASSIGNMENTS ? undefined : this.nextOwner(round, slice);
      if (next === undefined)
        return this.abandon(round, 'round.owner-lost', `Nobody is left to add up slice ${slice}.`);
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
    // Participants that meet at the server only have no way to send each other slices.
    if (!this.context.mesh) return undefined;
    const candidates = remaining(round).filter((id) => id !== old);
    return candidates[(slice + (round.reassigned.get(slice) ?? 0)) % Math.max(1, candidates.length)];
  }

  private onMissing(round: RoundState, message: MessageOf<'missing'>): void {
    if (round.plan.survivors === null || message.tally !== round.plan.tally) return;
    const { owners } = round.plan;
    // What this node makes of updates takes its time; should it take too long, the deadline for applying says so.
    const isInTheMaking = (slice: number) => this.context.aggregates === true && owners[slice] === SERVER;
    const slices = message.slices.filter((slice) => slice < owners.length && !isInTheMaking(slice));
    if (isSecure(round)) onMissing(this, round, slices);
    else if (slices.length > 0) this.reassign(round, slices);
  }

  private onReject(round: RoundState, message: MessageOf<'reject'>): void {
    const { participant, code } = message;
    if (!round.plan.cohort.includes(participant)) return;
    if (isSecure(round) && round.plan.survivors !== null) return onSurvivorRejected(this, round, message);
    if (round.dropped.has(participant)) return;
    // What is in the sum was found good and cannot be taken out; what came after it is not in it. SPEC C-57
    if (round.counted.has(participant)) return;
    this.notice(
      'warning',
      `What ${participant} sent was refused by an owner; it is left out of this round.`,
      code as ErrorCode,
    );
    this.drop(round, participant, true);
  }

  /** Someone of the cohort no longer counts. `tainted`: what it sent must not stay in the sum either. */
  drop(round: RoundState, id: ParticipantId, tainted = false): void {
    if (round.dropped.has(id)) return;
    noteFailed(this, round, id);
    round.dropped.add(id);
    if (round.isFinished) return checkTotal(this);
    const { survivors } = round.plan;
    const keeps = tainted && round.secure === undefined;
    const owned = round.plan.owners.flatMap((owner, slice) => (owner === id && !keeps ? [slice] : []));
    if (survivors === null) {
      const here = present(round).length;
      if (here < this.needed(round)) return this.abandonTooFew(round, here);
      if (owned.length > 0) this.reassign(round, owned);
      if (this.isUnderWay(round)) this.checkTrained(round);
      if (this.isUnderWay(round)) this.checkUploaded(round);
      if (this.isUnderWay(round)) advance(this, round, 'lost');
      return;
    }
    if (!tainted && hasReported(round)) {
      this.conclude(round);
      // The group's sum may not have reached the server yet, and then may never from an owner that is lost.
      if (!this.isUnderWay(round) || round.isFinished) return;
    }
    if (isSecure(round)) {
      // Survivors stay as they are: a second sum, without this one, would give its update away. SPEC C-45.
      if (owned.length > 0) handOver(this, round, owned, 'lost');
      if (this.isUnderWay(round)) advance(this, round, 'lost');
      return;
    }
    // With its own slices gone with it, its share of the sum cannot be completed: count again without it. SPEC C-24.
    const recount = survivors.includes(id) && (owned.length > 0 || tainted);
    const counted = recount ? survivors.filter((other) => other !== id) : survivors;
    if (counted.length < fewestIn(round, this)) return this.abandonTooFew(round, counted.length);
    if (recount && this.context.addsNoise) {
      const reason = 'A second sum over other survivors would be a second release of their updates.';
      return this.abandon(round, 'round.conflicting-slice', reason);
    }
    const change = recount ? { survivors: counted, tally: round.plan.tally + 1 } : {};
    if (recount) {
      round.applied.clear();
      round.collected = undefined;
      this.roundTimer(round, 'apply', this.context.applyMs);
    }
    if (owned.length > 0) this.reassign(round, owned, change);
    else if (recount) this.revise(round, change);
    if (this.isUnderWay(round)) this.checkApplied(round);
  }

  private checkApplied(round: RoundState): void {
    if (hasReported(round)) this.conclude(round);
  }

  private conclude(round: RoundState, isLate = false): void {
    if (round.plan.group === undefined) this.commit([round], round.applied);
    else finishGroup(this, round, isLate);
  }

  commit(rounds: readonly RoundState[], applied: ReadonlyMap<ParticipantId, string>): void {
    const { draft, context, event } = this;
    const { hash, holders, hashes } = favouriteOf(applied);
    const survivors = survivorsOf(rounds);
    const needed = Math.min(context.minParticipants, survivors.length);
    if (holders.length < needed || holders.length * 2 <= applied.size) {
      return this.abandonAll('round.diverged', `${hashes} different models came out of one round.`);
    }
    if (hashes > 1)
      this.notice(
        'error',
        'Some participants computed another model and fetch the common one.',
        'round.diverged',
      );
    const lost = draft.status.name === 'round' ? (draft.status.split?.lost ?? []) : [];
    const record = recordOf(rounds, lost, hash, event.atMs, context);
    for (const id of rounds.flatMap(convictedOwners)) this.exclude(id);
    draft.model = { version: record.round, hash };
    draft.holders = new Set(holders);
    draft.failures = 0;
    // Whoever was counted in and lost has not seen the model, and is not waited for to bring a newer one.
    const isLost = (id: ParticipantId) =>
      rounds.some(({ counted, dropped }) => counted.has(id) && dropped.has(id));
    draft.electorate = survivors.filter((id) => !isLost(id));
    forgetSpent(this, record);
    for (const id of survivors) {
      const left = draft.allowances.get(id);
      if (left !== undefined) draft.allowances.set(id, Math.max(0, left - 1));
    }
    for (const id of holders) {
      const member = draft.members.get(id);
      if (member !== undefined) draft.members.set(id, { ...member, model: draft.model });
    }
    // Of many who come and go, only those that are here are known.
    for (const [id, { here }] of [...draft.members]) if (!here) this.forget(id);
    this.cancelAllTimers();
    this.effects.push({ type: 'save-record', record });
    this.concludeEvaluation(true);
    if (context.evaluates) {
      const expected = new Set(holders.filter((id) => survivors.includes(id)));
      const evaluated = rounds.flatMap((round) => [...round.evaluated]);
      const early = evaluated.filter(([id, done]) => done.hash === hash && expected.has(id));
      draft.evaluation = { record, expected, counts: new Map(early.map(([id, { counts }]) => [id, counts])) };
      this.timer('evaluation', EVALUATION_MS);
    }
    beginJudgement(this, record);
    this.announce(record);
    draft.status = { name: 'gathering' };
    const last = record.round >= context.maximumRounds;
    const reason: FinishReason | undefined = last ? 'maximum-rounds' : draft.finishAfterRound;
    if (context.self === SERVER && (reason !== undefined || record.round % context.checkpointEvery === 0))
      this.fetchModel(draft.model);
    if (reason === undefined) this.start();
    else draft.status = { name: 'closing', reason };
    this.concludeEvaluation(false);
    this.closeIfDone();
  }

  needed(round: RoundState): number {
    const needed = neededBy(round, fewestIn(round, this));
    // Devices reveal nothing for fewer, whose noise would not hide one of them. SPEC N-04.
    return this.context.sharesNoise ? Math.max(needed, secureThreshold(round.plan.cohort.length)) : needed;
  }

  private abandonTooFew(round: RoundState, left: number): void {
    this.abandon(
      round,
      'round.too-few-participants',
      `${left} participants remain; the round needs ${this.needed(round)}.`,
    );
  }

  abandon(round: RoundState, code: ErrorCode, reason: string): void {
    if (!this.isUnderWay(round)) return;
    if (round.plan.group === undefined) this.abandonAll(code, reason);
    else abandonGroup(this, round, code, reason);
  }

  /** All groups of the round under way. */
  abandonAll(code: ErrorCode, reason: string): void {
    const { rounds } = this;
    const { status, lastAttempt } = this.draft;
    if (status.name !== 'round') return;
    const attempt = lastAttempt!;
    const told = new Set<NodeId>(rounds.flatMap(audience));
    if (status.split !== undefined) told.add(SERVER);
    for (const to of told) {
      if (this.isHere(to)) this.send(to, { type: 'abandon', run: this.context.run, attempt, code, reason });
    }
    this.cancelAllTimers();
    for (const { group } of rounds)
      this.effects.push({ type: 'cancel-sends', tag: roundTag(attempt, group) });
    this.retry(attempt.round, code, reason);
  }

  retry(round: number, code: ErrorCode, reason: string): void {
    const { draft } = this;
    this.effects.push({ type: 'attempt-abandoned', attempt: draft.lastAttempt!, code });
    this.notice('warning', `Round ${round} was abandoned: ${reason}`, code);
    draft.status = { name: 'gathering' };
    this.timer('retry', Math.min(MAX_RETRY_DELAY_MS, 250 * 2 ** draft.failures));
    draft.failures++;
  }

  // ---- evaluation and the end --------------------------------------------------------------------------------

  private onEvaluated(from: ParticipantId, message: MessageOf<'evaluated'>): void {
    const { evaluation } = this.draft;
    const { hash, counts } = message;
    const round = this.roundOf(from) ?? this.rounds[0];
    if (message.round === round?.attempt.round) round.evaluated.set(from, { hash, counts });
    if (evaluation === undefined || evaluation.record.hash !== message.hash || !evaluation.expected.has(from))
      return;
    evaluation.counts.set(from, message.counts);
    this.concludeEvaluation(false);
  }

  /** `force`: what has not come by now is left out; the record says of how many examples it speaks. */
  private concludeEvaluation(force: boolean): void {
    const { draft } = this;
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
      this.noteEvaluation({ ...pending.record, evaluation: sum });
    }
    this.closeIfDone();
    // Whoever waited for the verdict need not any more.
    if (this.context.rollback !== undefined) this.start();
  }

  noteEvaluation(record: RoundRecord): void {
    const { draft, context } = this;
    this.effects.push({ type: 'save-record', record });
    this.announce(record);
    weigh(this, record);
    const { targetAccuracy } = context;
    const accuracy = record.evaluation === null ? undefined : accuracyOf(record.evaluation);
    if (targetAccuracy === undefined || accuracy === undefined || accuracy < targetAccuracy) return;
    if (draft.status.name === 'gathering') this.finish('target-accuracy');
    else if (draft.status.name !== 'finished') draft.finishAfterRound = 'target-accuracy';
  }

  closeIfDone(): void {
    const { status, evaluation, judging, rollingBack } = this.draft;
    if (status.name !== 'closing' || evaluation !== undefined || judging.size > 0) return;
    if (rollingBack === undefined && !isRollbackDue(this)) this.finish(status.reason);
  }

  private onStop(): void {
    if (this.draft.status.name === 'finished') return;
    this.supersede('The run was stopped.');
    this.finish('stopped');
  }

  finish(reason: FinishReason): void {
    const { draft } = this;
    draft.status = { name: 'finished', reason };
    this.effects.push({ type: 'cancel-timer', name: 'retry' }, { type: 'cancel-timer', name: 'settle' });
    if (draft.model === undefined) return;
    if (this.context.self === SERVER && !draft.holders.has(SERVER)) this.fetchModel(draft.model);
    for (const [id, member] of draft.members) if (member.here) this.send(id, this.finishMessage(reason));
  }

  private finishMessage(reason: FinishReason): Message {
    // Devices of before know these words only.
    const told = reason === 'early-stopping' || reason === 'failed' ? 'stopped' : reason;
    return { type: 'finish', run: this.context.run, model: this.draft.model!, reason: told };
  }

  // ---- timers and small things -------------------------------------------------------------------------------

  private onTimer(name: TimerName): void {
    const [bare, group] = name.split('/') as [Exclude<TimerName, `${RoundTimerName}/${number}`>, string?];
    const round = this.rounds.find((other) => other.group === Number(group ?? 0));
    switch (bare) {
      case 'settle':
      case 'retry':
        return this.start();
      case 'evaluation':
        return this.concludeEvaluation(true);
      case 'draw':
        return closeDraw(this);
      case 'total':
        return closeTotal(this);
      case 'train':
        return this.dropLate(round, (id) => round!.trained.has(id));
      case 'exchange':
        return this.dropLate(round, (id) => (round!.uploaded.get(id) ?? -1) >= round!.ownersRevision);
      case 'keys':
      case 'shares':
      case 'confirm':
        return onSetupTimer(this, round, bare);
      case 'apply':
        if (round === undefined) return;
        if (round.applied.size >= (round.plan.group === undefined ? this.context.minParticipants : 1))
          return this.conclude(round, true);
        return this.abandon(round, 'round.deadline', 'Too few participants held the new model in time.');
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
      if (!this.isUnderWay(round)) return;
      this.drop(round, id);
    }
  }

  private cancelAllTimers(): void {
    const { status } = this.draft;
    for (const round of this.rounds) this.cancelRoundTimers(round);
    if (status.name === 'round' && status.split !== undefined) this.cancelTimer('total');
  }

  cancelRoundTimers(round: RoundState): void {
    const setup = round.secure === undefined ? [] : (['keys', 'shares', 'confirm'] as const);
    for (const name of ['train', 'exchange', 'apply', ...setup] as const) this.cancelRoundTimer(round, name);
  }
}
