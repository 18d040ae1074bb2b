import { randomBytes } from 'node:crypto';
import type { EventMessage, Topic } from './protocol.ts';

/** An event of a topic: numbers ascend by one within an epoch. */
export interface Numbered {
  readonly seq: number;
  readonly message: EventMessage;
}

export interface Replay {
  readonly epoch: string;
  /** Of the newest event; 0 before the first. */
  readonly seq: number;
  /** What came after the number that was asked for. */
  readonly events: readonly Numbered[];
  /** True when some of that is not kept any more: whoever asks reads the state anew. */
  readonly isGap: boolean;
}

export interface TopicBoardOptions {
  /** Newest events of each topic that are kept. */
  readonly keptEvents: number;
  /** Topics that are kept; whichever was quiet for longest goes first. */
  readonly keptTopics: number;
}

/** The newest events of each topic, so that whoever was away for a moment misses none. */
export interface TopicBoard {
  add(topic: Topic, message: EventMessage): Numbered;
  /** @param after with the epoch that it was counted in; undefined: nothing is told again. */
  replay(topic: Topic, after: number | undefined, epoch: string | undefined): Replay;
  /** Drops the events that name a participant: whoever asks for them finds a gap, and reads the state anew. */
  forget(participant: string): void;
}

export function createTopicBoard({ keptEvents, keptTopics }: TopicBoardOptions): TopicBoard {
  const topics = new Map<Topic, { readonly epoch: string; seq: number; events: Numbered[] }>();

  function touch(topic: Topic) {
    const known = topics.get(topic) ?? { epoch: randomBytes(6).toString('base64url'), seq: 0, events: [] };
    // The order of a map is that of insertion: the oldest is first.
    topics.delete(topic);
    topics.set(topic, known);
    if (topics.size > keptTopics) topics.delete(topics.keys().next().value!);
    return known;
  }

  return {
    add(topic, message) {
      const kept = touch(topic);
      const numbered = { seq: ++kept.seq, message };
      kept.events.push(numbered);
      if (kept.events.length > keptEvents) kept.events.shift();
      return numbered;
    },

    forget(participant) {
      for (const kept of topics.values())
        kept.events = kept.events.filter(({ message }) => !JSON.stringify(message).includes(participant));
    },

    replay(topic, after, epoch) {
      const kept = touch(topic);
      const about = { epoch: kept.epoch, seq: kept.seq };
      if (after === undefined) return { ...about, events: [], isGap: false };
      const isOther = (epoch !== undefined && epoch !== kept.epoch) || after > kept.seq;
      const from = isOther ? 0 : after;
      const events = kept.events.filter(({ seq }) => seq > from);
      return { ...about, events, isGap: isOther || kept.seq - from > events.length };
    },
  };
}
