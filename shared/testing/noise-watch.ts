import { type ParticipantPrivacy, secureThreshold } from '../federation/index.ts';
import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { type Ring, sameBytes, toCentred, unpackRing } from '../secagg/index.ts';
import type { NodeState } from '../session/index.ts';
import type { NoisedUpdate } from '../update/index.ts';
import type { AttemptId, Message, MessageOf } from '../wire/index.ts';

/**
 * Remembers what noise made of updates and sums, which nobody can compute again, and notes what would make it hide less
 * than promised: an update sent with too small a share, or in two attempts, or one that went into two noised sums.
 */
export interface NoiseWatch {
  readonly broken: readonly string[];
  /** Before a message leaves. */
  says(from: NodeId, message: Message, state: NodeState): void;
  /** What this participant had masked and sent in this attempt. */
  sent(attempt: AttemptId, id: NodeId): NoisedUpdate | undefined;
  /** What the server made of the sum, where it adds noise. */
  published(attempt: AttemptId): Int32Array<ArrayBuffer> | undefined;
}

/** @param ring undefined where updates are not masked. */
export function createNoiseWatch(
  policy: ParticipantPrivacy | undefined,
  vectorLength: number,
  ring: Ring | undefined,
): NoiseWatch {
  const broken: string[] = [];
  const updates = new Map<string, NoisedUpdate>();
  const sums = new Map<string, Uint8Array>();
  /** Updates with a share of noise, of which a slice was sent. */
  const shared = new Map<NoisedUpdate, string>();
  /** Updates whose sum was noised and published. */
  const spent = new Map<NoisedUpdate, string>();

  function onSlice(from: ParticipantId, { attempt }: MessageOf<'slice'>, state: NodeState): void {
    const key = keyOf(attempt, from);
    const update = state.participant?.cached?.update;
    if (update === undefined || updates.has(key)) return;
    updates.set(key, update);
    if (policy?.trust !== 'distributed') return;
    const other = shared.get(update);
    if (other !== undefined) broken.push(`an update of ${from} left in ${other} and ${key}`);
    shared.set(update, key);
    const invited = state.participant!.attempt!.plan.cohort.length;
    const certain = secureThreshold(invited) - policy.colluding;
    if (update.shares === undefined || update.shares > certain)
      broken.push(`${from} sent one of ${update.shares} shares of noise where ${certain} are certain`);
  }

  function onSum({ attempt, values }: MessageOf<'sum'>, state: NodeState): void {
    const key = keyOf(attempt, SERVER);
    const before = sums.get(key);
    if (before !== undefined) {
      if (!sameBytes(before, values)) broken.push(`two noised sums of attempt ${key}`);
      return;
    }
    sums.set(key, values.slice());
    for (const id of state.owner.current?.plan.survivors ?? []) {
      const update = updates.get(keyOf(attempt, id));
      if (update === undefined) continue;
      const other = spent.get(update);
      if (other !== undefined) broken.push(`an update of ${id} is in the noised sums of ${other} and ${key}`);
      spent.set(update, key);
    }
  }

  return {
    broken,
    says(from, message, state) {
      if (policy === undefined) return;
      if (message.type === 'slice' && from !== SERVER) onSlice(from, message, state);
      if (message.type === 'sum' && from === SERVER && policy.trust === 'central') onSum(message, state);
    },
    sent: (attempt, id) => updates.get(keyOf(attempt, id)),
    published(attempt) {
      const bytes = sums.get(keyOf(attempt, SERVER));
      if (bytes === undefined) return undefined;
      if (ring === undefined) return new Int32Array(bytes.slice().buffer);
      const length = Math.floor((8 * bytes.byteLength) / ring.bits);
      return toCentred(unpackRing(bytes, length, ring), ring).slice(0, vectorLength);
    },
  };
}

function keyOf({ term, round, attempt }: AttemptId, id: NodeId): string {
  return `${term}.${round}.${attempt}/${id}`;
}
