import type { ErrorCode } from '../../errors/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { AttemptId, Message, ModelRef, RoundRecord } from '../../wire/index.ts';
import {
  attemptTag,
  type Effect,
  type RoundTimerName,
  type SessionEvent,
  type TimerName,
} from '../effects.ts';
import type { CoordinatorContext, CoordinatorState, RoundState } from './state.ts';

const MAX_HOLDERS = 8;

/** One step under way: a private copy of the state and the effects gathered so far; nothing outlives it. */
export class Desk {
  readonly draft: CoordinatorState;
  readonly effects: Effect[] = [];
  readonly event: SessionEvent;
  readonly context: CoordinatorContext;

  constructor(draft: CoordinatorState, event: SessionEvent, context: CoordinatorContext) {
    this.draft = draft;
    this.event = event;
    this.context = context;
  }

  get atMs(): number {
    return this.event.atMs;
  }

  /** One for each group under way. */
  get rounds(): readonly RoundState[] {
    return this.draft.status.name === 'round' ? this.draft.status.rounds : [];
  }

  /** Of the group that this one takes part in. */
  roundOf(id: NodeId): RoundState | undefined {
    return this.rounds.find(({ plan }) => plan.cohort.some((member) => member === id));
  }

  isUnderWay(round: RoundState): boolean {
    return this.rounds.includes(round);
  }

  send(to: NodeId, message: Message): void {
    const tag =
      'attempt' in message && message.type !== 'abandon'
        ? roundTag(message.attempt, this.roundOf(to)?.group)
        : undefined;
    this.effects.push({ type: 'send', to, message, ...(tag === undefined ? {} : { tag }) });
  }

  welcome(to: ParticipantId): void {
    const { draft, context } = this;
    this.send(to, {
      type: 'welcome',
      run: context.run,
      term: draft.term,
      model: draft.model ?? null,
      holders: this.holders(),
    });
  }

  announce(record: RoundRecord): void {
    for (const [id, member] of this.draft.members) {
      if (member.here)
        this.send(id, { type: 'commit', run: this.context.run, record, holders: this.holders() });
    }
  }

  /** Not invited again until it joins anew. */
  exclude(id: ParticipantId): void {
    const member = this.draft.members.get(id);
    if (member !== undefined) this.draft.members.set(id, { ...member, refused: true });
  }

  holders(): NodeId[] {
    return [...this.draft.holders].slice(0, MAX_HOLDERS);
  }

  fetchModel(model: ModelRef): void {
    const holders = this.holders().filter((id) => id !== this.context.self);
    if (holders.length > 0) this.effects.push({ type: 'fetch-model', model, holders });
  }

  timer(name: TimerName, delayMs: number): void {
    this.effects.push({ type: 'timer', name, delayMs });
  }

  cancelTimer(name: TimerName): void {
    this.effects.push({ type: 'cancel-timer', name });
  }

  roundTimer(round: RoundState, name: RoundTimerName, delayMs: number): void {
    this.timer(timerOf(round, name), delayMs);
  }

  cancelRoundTimer(round: RoundState, name: RoundTimerName): void {
    this.cancelTimer(timerOf(round, name));
  }

  notice(level: 'info' | 'warning' | 'error', text: string, code?: ErrorCode): void {
    this.effects.push({
      type: 'notice',
      level,
      text,
      ...(code === undefined ? {} : { error: { code, message: text } }),
    });
  }

  /** Whether a message may be sent: the server is always worth a try, a member while it is here. */
  isHere(id: NodeId): boolean {
    return id === SERVER || this.draft.members.get(id)?.here === true;
  }
}

/** Apart from the tag of a participant on the same node, which ends its own attempt in its own time. */
export function roundTag(attempt: AttemptId, group = 0): string {
  return group === 0 ? `coordinate ${attemptTag(attempt)}` : `coordinate ${attemptTag(attempt)}/${group}`;
}

function timerOf({ group }: RoundState, name: RoundTimerName): TimerName {
  return group === 0 ? name : `${name}/${group}`;
}
