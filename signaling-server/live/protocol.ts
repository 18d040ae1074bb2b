import { z } from 'zod';
import { MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import type { ServerEvent } from '../events.ts';
import { faultOf } from '../http/faults.ts';
import type { Training } from '../jobs/training.ts';

/** What goes over `/ws/{client_id}`: JSON texts, by the names that dashboards of trainings always had. SPEC O-20 to O-24. */

const id = z.string().regex(/^[\w-]{1,64}$/, 'an id that this server gave');
/** What is watched: a training, or all that happens in a federation. */
const topic = {
  training_id: id.optional(),
  federation: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'the id of a federation')
    .optional(),
};
const clientMessage = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('authenticate'), token: z.string().min(1).max(8192) }),
  z.strictObject({
    action: z.literal('subscribe'),
    ...topic,
    /** The last `seq` and the `epoch` that came: what came after is told again. */
    after: z.int().min(0).optional(),
    epoch: z.string().max(32).optional(),
  }),
  z.strictObject({ action: z.literal('unsubscribe'), ...topic }),
  z.strictObject({ action: z.literal('ping') }),
]);
export type ClientMessage = z.output<typeof clientMessage>;

/** Topics are told apart by their kind: a training and a federation may have the same id. */
export type Topic = `training:${string}` | `federation:${string}`;

/** @throws `wire.malformed`, `http.bad-request`. */
export function parseClientMessage(text: string): ClientMessage {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (cause) {
    throw new MurmurationError('wire.malformed', 'This is no message.', {
      expected: 'one JSON object',
      received: `${text.length} characters that do not parse`,
      cause,
    });
  }
  const result = clientMessage.safeParse(input);
  if (!result.success) throw faultOf('json', result.error, input);
  return result.data;
}

/** @throws `http.bad-request` unless exactly one is named. */
export function topicOf(message: Extract<ClientMessage, { action: 'subscribe' | 'unsubscribe' }>): Topic {
  const { training_id: training, federation } = message;
  if (training !== undefined && federation === undefined) return `training:${training}`;
  if (federation !== undefined && training === undefined) return `federation:${federation}`;
  throw new MurmurationError('http.bad-request', 'The message does not validate.', {
    path: 'training_id',
    expected: 'either training_id or federation',
    received: training === undefined ? 'neither' : 'both',
  });
}

/** How a message says which topic it is about. */
export function namedBy(topic: Topic): { readonly training_id: string } | { readonly federation: string } {
  const at = topic.indexOf(':');
  const name = topic.slice(at + 1);
  return topic.startsWith('training:') ? { training_id: name } : { federation: name };
}

export interface EventMessage {
  readonly type:
    | 'metric_update'
    | 'round_started'
    | 'round_completed'
    | 'round_abandoned'
    | 'rolled_back'
    | 'training_status'
    | 'training_completed'
    | 'participants'
    | 'alert';
  readonly [field: string]: unknown;
}

const OVER: ReadonlySet<Training['status']> = new Set(['STOPPED', 'SUCCEEDED', 'FAILED']);

/** What subscribers are told of an event: nothing of some. */
export function messagesOf(event: ServerEvent): readonly EventMessage[] {
  switch (event.type) {
    case 'round-started': {
      const { round, attempt, cohort, atMs } = event;
      return [
        { type: 'round_started', round: { round_number: round, attempt, cohort, started_at: iso(atMs) } },
      ];
    }
    case 'round-committed': {
      const { round, durationMs, invited, survivors, bytes, hash, atMs } = event;
      return [
        {
          type: 'round_completed',
          round: {
            round_number: round,
            duration_ms: durationMs,
            invited,
            survivors,
            bytes,
            global_model_version: String(round),
            hash,
            completed_at: iso(atMs),
          },
        },
      ];
    }
    case 'round-abandoned': {
      const { round, attempt, code, atMs } = event;
      return [
        { type: 'round_abandoned', round: { round_number: round, attempt, code, abandoned_at: iso(atMs) } },
      ];
    }
    case 'rolled-back':
      return [{ type: 'rolled_back', round_number: event.round, to: event.to, timestamp: iso(event.atMs) }];
    case 'metric': {
      const { training, round, name, value, atMs } = event;
      return [
        {
          type: 'metric_update',
          metric: {
            training_id: training ?? null,
            round_number: round,
            metric_type: name,
            value,
            timestamp: iso(atMs),
          },
        },
      ];
    }
    case 'training': {
      const { training } = event;
      const about = { training: { ...training, training_id: training.id }, status: training.status };
      const changed = { type: 'training_status', ...about } as const;
      return OVER.has(training.status) ? [changed, { type: 'training_completed', ...about }] : [changed];
    }
    case 'participants':
      return [{ type: 'participants', active: event.active }];
    case 'alert':
      return [{ type: 'alert', alert: event.alert }];
    default:
      return [];
  }
}

/** Which topics an event belongs to. @param trainingOf of a run, as far as is known. */
export function topicsOf(
  event: ServerEvent,
  trainingOf: (run: string) => string | undefined,
): readonly Topic[] {
  const named = (federation: string | null | undefined, training: string | null | undefined): Topic[] => [
    ...(federation ? [`federation:${federation}` as const] : []),
    ...(training ? [`training:${training}` as const] : []),
  ];
  switch (event.type) {
    case 'training':
      return named(event.training.federation, event.training.id);
    case 'alert':
      return named(event.alert.federation, event.alert.training);
    case 'round-started':
    case 'round-committed':
    case 'metric':
      return named(event.federation, event.training ?? trainingOf(event.run));
    case 'round-abandoned':
    case 'rolled-back':
      return named(event.federation, trainingOf(event.run));
    case 'participants':
      return named(event.federation, undefined);
    default:
      return [];
  }
}

/** A refusal, with our code and facts. */
export function errorMessage(thrown: unknown, topic?: Topic): object {
  const known =
    thrown instanceof MurmurationError ? thrown : new MurmurationError('internal', 'The server failed.');
  const { message, ...facts } = toErrorRecord(known);
  return { type: 'error', ...(topic === undefined ? {} : namedBy(topic)), message, ...facts };
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
