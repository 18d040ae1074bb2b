import { decode, encode } from '@msgpack/msgpack';
import { describe, expect, test } from 'vitest';
import { type ErrorCode, MurmurationError } from '../errors/index.ts';
import type { ParticipantId } from '../identity/index.ts';
import { seededRandom } from '../random/index.ts';
import { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES } from './codec.ts';
import {
  type Message,
  type MessageOf,
  type MessageType,
  messageSchemas,
  PROTOCOL_VERSION,
  type RoundRecord,
} from './messages.ts';

const [alice, bob] = ['alice', 'bob'].map((name) => name.padEnd(22, '-') as ParticipantId) as [
  ParticipantId,
  ParticipantId,
];
const run = 'run_1-A';
const attempt = { term: 1, round: 2, attempt: 3 };
const hash = 'ab'.repeat(32);
const model = { version: 1, hash };
const plan = {
  revision: 4,
  cohort: [alice, bob],
  owners: [alice, 'server' as const],
  survivors: [bob],
  tally: 1,
};
const counts = { total: 10, correct: 9, lossSum: 1.5 };
const record: RoundRecord = {
  ...attempt,
  coordinator: 'server',
  federationRevision: 1,
  baseHash: hash,
  hash,
  survivors: [alice],
  dropped: [bob],
  startedAtMs: 1.7e12,
  trainMs: 1.25,
  exchangeMs: 0,
  applyMs: 3,
  evaluation: counts,
  secure: { threshold: 2, confirmations: 3 },
};
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i);
const advert = {
  participant: alice,
  identityKey: bytes(32),
  maskKey: bytes(32),
  cipherKey: bytes(32),
  weight: 600,
  signature: bytes(64),
};
const shares = { dealer: alice, commitments: bytes(80), signature: bytes(64) };
const confirmation = { participant: bob, digests: bytes(32), signature: bytes(64) };
const values = Uint8Array.of(1, 2, 3, 255);

const samples: { [T in MessageType]: Extract<Message, { type: T }> } = {
  join: { type: 'join', run, incarnation: 2 ** 32 - 1, model: null, term: 0, examples: 5, paused: true },
  leave: { type: 'leave', run },
  refuse: { type: 'refuse', run, attempt, code: 'round.refused', reason: 'Größe' },
  trained: { type: 'trained', run, attempt },
  uploaded: { type: 'uploaded', run, attempt, revision: 0, undeliverable: [0, 1] },
  missing: { type: 'missing', run, attempt, tally: 1, slices: [3] },
  applied: { type: 'applied', run, attempt, tally: 1, hash },
  dispute: { type: 'dispute', run, attempt, tally: 1, slices: [0], owners: [bob] },
  keys: { type: 'keys', run, attempt, advert },
  shares: { type: 'shares', run, attempt, shares, boxes: [{ to: bob, box: bytes(100) }] },
  confirm: { type: 'confirm', run, attempt, confirmation },
  evaluated: { type: 'evaluated', run, round: 1, hash, counts },
  welcome: { type: 'welcome', run, term: 1, model, holders: [alice, 'server'] },
  invite: {
    type: 'invite',
    run,
    attempt,
    federationRevision: 1,
    base: model,
    holders: [],
    plan: { ...plan, survivors: null },
    trainMs: 1,
    exchangeMs: 2,
    applyMs: 3,
  },
  plan: { type: 'plan', run, attempt, plan },
  commit: { type: 'commit', run, record, holders: [bob] },
  abandon: { type: 'abandon', run, attempt, code: 'round.deadline', reason: '' },
  finish: { type: 'finish', run, model, reason: 'target-accuracy' },
  roster: { type: 'roster', run, attempt, adverts: [advert] },
  inbox: {
    type: 'inbox',
    run,
    attempt,
    dealers: [alice, bob],
    boxes: [{ dealer: alice, box: bytes(100) }],
    shares: [shares],
  },
  confirmed: { type: 'confirmed', run, attempt, confirmations: [confirmation] },
  reveal: { type: 'reveal', run, attempt, digest: bytes(32), shares: [{ dealer: bob, share: bytes(32) }] },
  slice: { type: 'slice', run, attempt, slice: 1, count: 2, weight: 600, values },
  sum: { type: 'sum', run, attempt, tally: 1, slice: 1, weight: 1200, values, proof: null },
  reject: { type: 'reject', run, attempt, participant: bob, code: 'update.overflow' },
  modelRequest: { type: 'modelRequest', run, hash },
  model: { type: 'model', run, model, weights: values },
  historyRequest: { type: 'historyRequest', run, fromRound: 1 },
  history: { type: 'history', run, records: [record, { ...record, evaluation: null, secure: null }] },
  voteRequest: { type: 'voteRequest', run, term: 2, model },
  vote: { type: 'vote', run, term: 2, granted: false },
  draw: { type: 'draw', run, attempt, cohort: [alice, bob], commitments: [bytes(32), bytes(32)] },
  nonce: { type: 'nonce', run, attempt, nonce: bytes(32), next: bytes(32) },
  summed: { type: 'summed', run, attempt, tally: 1, hash },
  total: { type: 'total', run, attempt, weight: 2400, values },
  ready: { type: 'ready', run, model },
  device: {
    type: 'device',
    run,
    device: { examplesPerSecond: 120.5, charging: true, battery: 0.5, metered: null },
  },
  standby: { type: 'standby', run, code: 'aggregate.no-held-out', reason: 'There are no examples.' },
};
const all = Object.values(samples);

/** What decoding makes of these bytes: a message, or an error that has a name. Anything else fails the test. */
function outcomeOf(bytes: Uint8Array): Message | MurmurationError {
  try {
    return decodeMessage(bytes);
  } catch (thrown) {
    if (thrown instanceof MurmurationError) return thrown;
    throw thrown;
  }
}
function refusalOf(bytes: Uint8Array): { code: ErrorCode; path: string | undefined } {
  const outcome = outcomeOf(bytes);
  if (!(outcome instanceof MurmurationError)) throw new Error('it was accepted');
  return { code: outcome.code, path: outcome.facts.path };
}
/** A message with its fields changed by hand, whatever the schema says. */
function tampered(message: Message, change: (fields: unknown[]) => void): Uint8Array {
  const fields = decode(encodeMessage(message)) as unknown[];
  change(fields);
  return encode(fields);
}

describe('round trip', () => {
  test('there is a sample of every type', () => {
    expect(Object.keys(samples)).toEqual(Object.keys(messageSchemas));
  });

  test.each(all.map((message) => [message.type, message] as const))('W-01: %s', (_, message) => {
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  test.each<[string, Message, Message]>([
    ['a join', samples.join, { ...samples.join, commitment: bytes(32) }],
    ['an invitation', samples.invite, { ...samples.invite, draw: { cohort: [alice], nonces: [bytes(32)] } }],
    ['a plan', samples.plan, { ...samples.plan, plan: { ...plan, group: { index: 1, count: 3 } } }],
    ['a record', samples.commit, { ...samples.commit, record: { ...record, groups: 3 } }],
    [
      'a return to an earlier version',
      samples.commit,
      { ...samples.commit, record: { ...record, rollback: { to: 4 } } },
    ],
    ['an abandonment', samples.abandon, { ...samples.abandon, group: 0 }],
    ['a sum', samples.sum, { ...samples.sum, group: 2 }],
  ])('W-01: %s with what only rounds of several groups have; without it, no byte more', (_, one, several) => {
    expect(decodeMessage(encodeMessage(several))).toEqual(several);
    const [short, long] = [one, several].map((message) => encodeMessage(message).length) as [number, number];
    expect(short).toBeLessThan(long);
    const nulled = tampered(one, (fields) => void fields.push(null));
    expect(refusalOf(nulled).code).toBe('wire.malformed');
  });

  test('W-01: version, type number, fields in order; no name travels', () => {
    const bytes = encodeMessage(samples.trained);
    expect(decode(bytes)).toEqual([PROTOCOL_VERSION, 3, run, [1, 2, 3]]);
    for (const message of all) {
      const text = Buffer.from(encodeMessage(message)).toString('latin1');
      for (const key of Object.keys(message).filter((key) => key !== 'type' && key.length > 4))
        expect(text).not.toContain(key);
    }
  });

  test.each(['slice', 'sum'] as const)('W-05: the envelope of a %s is at most 60 bytes', (type) => {
    const longest = { term: 2 ** 32 - 1, round: 2 ** 32 - 1, attempt: 255 };
    const large = { ...samples[type], run: 'A'.repeat(22), attempt: longest, slice: 15, weight: 2 ** 32 - 1 };
    const carried = new Uint8Array(400_000);
    expect(
      encodeMessage({ ...large, values: carried } as Message).length - carried.length,
    ).toBeLessThanOrEqual(60);
  });
});

describe('refusals', () => {
  test('W-02: too large, before it is looked at', () => {
    expect(refusalOf(new Uint8Array(MAX_MESSAGE_BYTES + 1)).code).toBe('wire.too-large');
    expect(MAX_MESSAGE_BYTES).toBe(200_004_096);
  });

  test('W-03: another version is told apart from malformed fields', () => {
    const bytes = tampered(samples.join, (fields) => void fields.splice(0, 3, PROTOCOL_VERSION + 1, 'x'));
    expect(refusalOf(bytes).code).toBe('wire.version');
  });

  test('W-04: a field too few or too many is refused', () => {
    const fewer = tampered(samples.vote, (fields) => void fields.pop());
    const more = tampered(samples.vote, (fields) => void fields.push(1));
    for (const bytes of [fewer, more])
      expect(refusalOf(bytes)).toEqual({ code: 'wire.malformed', path: 'vote' });
  });

  test.each<[string, Message, number[], unknown, string]>([
    ['a bad run', samples.leave, [2], '../etc', 'run'],
    ['a negative number', samples.trained, [3, 1], -2, 'attempt.round'],
    ['a fraction', samples.trained, [3, 2], 0.5, 'attempt.attempt'],
    ['a bad hash', samples.modelRequest, [3], 'AB'.repeat(32), 'hash'],
    ['a bad id deep in a plan', samples.plan, [4, 1, 1], 'server', 'plan.cohort[1]'],
    ['a record in a list', samples.history, [3, 1, 10], -1, 'records[1].trainMs'],
    ['text for bytes', samples.slice, [7], 'text', 'values'],
    ['an empty list of what is missing', samples.missing, [5], [], 'slices'],
    ['a list that is too long', samples.uploaded, [5], Array(1025).fill(0), 'undeliverable'],
  ])('W-04: %s is refused with its path', (_, message, position, value, path) => {
    const bytes = tampered(message, (fields) => {
      let at = fields;
      for (const index of position.slice(0, -1)) at = at[index] as unknown[];
      at[position.at(-1)!] = value;
    });
    expect(refusalOf(bytes)).toEqual({ code: 'wire.malformed', path });
  });

  test.each([
    ['nothing', new Uint8Array(0)],
    ['a number', encode(5)],
    ['an object', encode({ type: 'join' })],
    ['no type', encode([PROTOCOL_VERSION])],
    ['an unknown type', encode([PROTOCOL_VERSION, 999])],
    ['a type by name', encode([PROTOCOL_VERSION, 'join'])],
    ['a list that claims four billion entries', Uint8Array.of(0xdd, 255, 255, 255, 255)],
    ['nesting without end', new Uint8Array(100_000).fill(0x91)],
    ['a member named __proto__', encode([PROTOCOL_VERSION, 0, JSON.parse('{"__proto__": 1}')])],
  ])('W-04: %s', (_, bytes) => {
    expect(refusalOf(bytes).code).toBe('wire.malformed');
  });

  test('W-04: truncated anywhere, it is refused by name', () => {
    for (const message of all) {
      const bytes = encodeMessage(message);
      for (let length = 0; length < bytes.length; length++)
        expect(refusalOf(bytes.subarray(0, length)).code, `${message.type} cut at ${length}`).toBe(
          'wire.malformed',
        );
    }
  });

  test('W-04: with any bit flipped, it is a message or a refusal by name with a path', () => {
    for (const message of all) {
      const bytes = encodeMessage(message);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const outcome = outcomeOf(flipped);
        // Once the type is known, a refusal says where the trouble lies.
        if (outcome instanceof MurmurationError && /message does not validate/.test(outcome.message))
          expect(outcome.facts.path).toBeTruthy();
      }
    }
  });

  test('W-04: random bytes are refused by name', () => {
    const random = seededRandom('codec');
    for (let i = 0; i < 20_000; i++) {
      const bytes = Uint8Array.from({ length: random.below(80) }, () => random.below(256));
      // Half of them begin like a message, so that the fields are reached.
      if (i % 2 === 0) bytes.set([0x95, PROTOCOL_VERSION, random.below(23)].slice(0, bytes.length));
      outcomeOf(bytes);
    }
  });
});

test('values out of a Buffer are copied by slice, as out of any other bytes', () => {
  const bytes = Buffer.from(encodeMessage(samples.slice));
  const message = decodeMessage(bytes) as MessageOf<'slice'>;
  const copy = message.values.slice();
  bytes.fill(0);
  expect([...copy]).toEqual([...values]);
});
