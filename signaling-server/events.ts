import type { Logger } from 'pino';
import type { ParticipantId } from '../shared/identity/index.ts';
import { createEmitter } from '../shared/transport/emitter.ts';
import type { Alert } from './alerts/alert.ts';
import type { Training } from './jobs/training.ts';

/** What happens on this server. It never carries an update, a record, a key or a reason that names data. */
export type ServerEvent =
  | {
      readonly type: 'round-started';
      readonly federation: string;
      readonly run: string;
      readonly training: string | undefined;
      readonly round: number;
      readonly attempt: number;
      readonly cohort: number;
      readonly atMs: number;
    }
  | {
      readonly type: 'round-phase';
      readonly federation: string;
      readonly run: string;
      readonly round: number;
      readonly attempt: number;
      /** What ended, in the words of traces. */
      readonly phase: 'client_selection' | 'collect_updates' | 'aggregation';
      readonly startedAtMs: number;
      readonly endedAtMs: number;
    }
  | {
      readonly type: 'round-committed';
      readonly federation: string;
      readonly run: string;
      readonly training: string | undefined;
      readonly round: number;
      readonly durationMs: number;
      readonly invited: number;
      readonly survivors: number;
      readonly bytes: number;
      readonly hash: string;
      readonly atMs: number;
    }
  | {
      readonly type: 'round-abandoned';
      readonly federation: string;
      readonly run: string;
      readonly round: number;
      readonly attempt: number;
      readonly code: string;
      readonly atMs: number;
    }
  | {
      /** An evaluation of a version; it may come after the commit. */
      readonly type: 'metric';
      readonly federation: string;
      readonly run: string;
      readonly training: string | undefined;
      readonly round: number;
      readonly name: string;
      readonly value: number;
      /** SHA-256 of the held-out set that the server counted on; null where participants counted, or nobody said on what. SPEC Q-26. */
      readonly heldOut: string | null;
      readonly atMs: number;
    }
  | {
      readonly type: 'rolled-back';
      readonly federation: string;
      readonly run: string;
      readonly round: number;
      readonly to: number;
      readonly atMs: number;
    }
  | { readonly type: 'training'; readonly training: Training }
  | { readonly type: 'participants'; readonly federation: string; readonly active: number }
  | {
      readonly type: 'participant-standing';
      readonly federation: string;
      readonly participant: ParticipantId;
      readonly state: 'blocked' | 'quarantined' | 'clear';
      readonly cause: string;
    }
  | {
      readonly type: 'budget';
      readonly kind: 'participant' | 'user' | 'department' | 'federation';
      readonly subject: string;
      /** Spent over allowed. */
      readonly share: number;
      readonly epsilon: number;
      readonly limit: number;
    }
  | {
      /** Its data is deleted: whatever still holds its id in memory lets go of it. */
      readonly type: 'participant-erased';
      readonly participant: ParticipantId;
      /** Whose history named it, and does no more. */
      readonly federations: readonly string[];
    }
  | { readonly type: 'refused'; readonly code: string; readonly federation: string | undefined }
  | { readonly type: 'alert'; readonly alert: Alert };

export type EventOf<T extends ServerEvent['type']> = Extract<ServerEvent, { readonly type: T }>;

export interface ServerEvents {
  emit(event: ServerEvent): void;
  subscribe(listener: (event: ServerEvent) => void): () => void;
}

export function createEvents(log: Pick<Logger, 'error'>): ServerEvents {
  return createEmitter<ServerEvent>((thrown) => log.error({ err: thrown }, 'a listener failed at an event'));
}
