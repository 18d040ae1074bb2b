import { decode, encode } from '@msgpack/msgpack';
import { z } from 'zod';
import { check, MurmurationError } from '../errors/index.ts';
import { formatPath } from '../federation/index.ts';
import { type Message, type MessageType, messageSchemas, PROTOCOL_VERSION } from './messages.ts';

/**
 * Messages as bytes: MessagePack of `[protocol version, type number, ...fields]`, each object as the array of its
 * fields in the order of messages.ts. Names never travel; a slice costs about 45 bytes beside its values. Optional fields
 * come last, and are left off where they are absent.
 */
const TYPES = Object.keys(messageSchemas) as MessageType[];

/** Largest message accepted: a model of 50 million parameters, and room for its envelope. SPEC W-02. */
export const MAX_MESSAGE_BYTES = 200_000_000 + 4096;

export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  const { type, ...body } = message;
  const fields = toFields(messageSchemas[type], body) as unknown[];
  return encode([PROTOCOL_VERSION, TYPES.indexOf(type), ...fields]) as Uint8Array<ArrayBuffer>;
}

/**
 * Parses and validates a whole message.
 * @throws `wire.too-large`, `wire.malformed` with the path of the offending field, `wire.version`.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  check(bytes.byteLength <= MAX_MESSAGE_BYTES, 'wire.too-large', 'A message is too large.', {
    expected: `at most ${MAX_MESSAGE_BYTES} bytes`,
    received: String(bytes.byteLength),
  });
  const [version, typeNumber, ...fields] = unpack(bytes);
  check(
    version === PROTOCOL_VERSION,
    'wire.version',
    'The other side speaks another version of the protocol.',
    {
      expected: String(PROTOCOL_VERSION),
      received: typeof version === 'number' ? String(version) : typeof version,
      remedy: 'Reload the page to get the current version.',
    },
  );
  const type = typeof typeNumber === 'number' ? TYPES[typeNumber] : undefined;
  check(type !== undefined, 'wire.malformed', 'A message of unknown type.', {
    expected: `a type number from 0 to ${TYPES.length - 1}`,
    received: typeof typeNumber === 'number' ? String(typeNumber) : typeof typeNumber,
  });
  const schema = messageSchemas[type];
  const result = schema.safeParse(fromFields(schema, fields));
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new MurmurationError('wire.malformed', `A ${type} message does not validate: ${issue.message}.`, {
      path: formatPath(issue.path) || type,
    });
  }
  return { type, ...result.data } as Message;
}

function unpack(bytes: Uint8Array): unknown[] {
  let value: unknown;
  try {
    // A view of its own: a Buffer's slices share memory with it, and values would with whatever it is used for next.
    value = decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    throw new MurmurationError('wire.malformed', 'A message is not MessagePack.', { cause });
  }
  check(Array.isArray(value), 'wire.malformed', 'A message is not an array.', { received: typeof value });
  return value;
}

function toFields(schema: z.ZodType, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) {
    const record = value as Record<string, unknown>;
    const fields = Object.entries(inner.shape).map(([key, field]) =>
      toFields(field as z.ZodType, record[key]),
    );
    while (fields.length > 0 && fields.at(-1) === undefined) fields.pop();
    return fields;
  }
  if (inner instanceof z.ZodArray)
    return (value as unknown[]).map((item) => toFields(inner.element as z.ZodType, item));
  return value;
}

/** The inverse of {@link toFields}; whatever does not fit is left as it is, for the schema to refuse by its path. */
function fromFields(schema: z.ZodType, value: unknown): unknown {
  const inner = unwrapped(schema);
  if (!Array.isArray(value)) return value;
  if (inner instanceof z.ZodObject) {
    const fields = Object.entries(inner.shape);
    const isWhole = fields.slice(value.length).every(([, field]) => field instanceof z.ZodOptional);
    if (value.length > fields.length || !isWhole) return value;
    const last = value.length - 1;
    const present = fields
      .slice(0, value.length)
      .map(([key, field], i) => [key, field as z.ZodType, value[i]] as const)
      // Nothing, in front of something else that is optional; at the end it would be left off.
      .filter(([, field, item], i) => item !== null || i === last || !(field instanceof z.ZodOptional));
    return Object.fromEntries(present.map(([key, field, item]) => [key, fromFields(field, item)]));
  }
  if (inner instanceof z.ZodArray) return value.map((item) => fromFields(inner.element as z.ZodType, item));
  return value;
}

function unwrapped(schema: z.ZodType): z.ZodType {
  const wraps = schema instanceof z.ZodNullable || schema instanceof z.ZodOptional;
  return wraps ? (schema.unwrap() as z.ZodType) : schema;
}
