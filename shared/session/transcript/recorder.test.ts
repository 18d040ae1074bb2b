import { bytesToHex } from '@noble/hashes/utils.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { createNobleIdentity, type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import { repeatableRandom } from '../../secagg/testing.ts';
import type { Message, MessageOf, MessageType } from '../../wire/index.ts';
import { ofKind } from './evidence.ts';
import { encodeTranscript, type RoundTranscript, verifyTranscript } from './index.ts';
import { type Delivery, recorderOf, recordNode, type ScriptedRound, scriptRound } from './testing.ts';
import { bulkOf, factsOf } from './transcript.ts';

let round: ScriptedRound;
let alice: ParticipantId;
beforeAll(async () => {
  // The second of four leaves before it sent slices; the third, its deputy, adds up its slice.
  round = await scriptRound({ size: 4, leaves: 1 });
  alice = round.nodes[0] as ParticipantId;
});

const kindsOf = (transcript: RoundTranscript) => transcript.events.map(({ kind }) => kind);
const of = <T extends MessageType>(type: T) =>
  round.deliveries.filter(
    (delivery): delivery is Delivery & { message: MessageOf<T> } => delivery.message.type === type,
  );
const until = (type: MessageType) =>
  round.deliveries.slice(
    0,
    round.deliveries.findIndex(({ message }) => message.type === type),
  );
const wrongs = async (transcript: RoundTranscript) =>
  (await verifyTranscript(transcript, round.suite)).filter(({ outcome }) => outcome === 'wrong');

describe('a committed round', () => {
  test('is written down in the order in which it happened', async () => {
    const [transcript, ...others] = await recordNode(round, alice);
    expect(others).toEqual([]);
    expect(transcript!.header).toMatchObject({
      node: alice,
      run: 'run',
      attempt: { term: 1, round: 7, attempt: 2 },
    });
    expect(kindsOf(transcript!)).toEqual([
      'invited',
      'roster',
      'dealt',
      'dealers',
      'inbox',
      ...['sent', 'received', 'sent', 'sent', 'sent'], // to the four first owners, itself among them
      ...['received', 'received'],
      ...['sent', 'received'], // its own slice to its deputy; as a deputy it gets that of the one before it
      'plan',
      'sent', // the slice of the one that left, to its deputy
      'confirmations',
      ...['revealed', 'collected', 'revealed', 'revealed', 'collected', 'collected'],
      ...['sum', 'sum', 'sum', 'sum'],
      'committed',
    ]);
    expect(transcript!.events.map(({ seq }) => seq)).toEqual(transcript!.events.map((_, i) => i));
  });

  test('tells what was revealed to whom, by kind: never a share, and never both kinds', async () => {
    const [transcript] = await recordNode(round, alice);
    const facts = factsOf(transcript!);
    const { survivors } = round.record;
    const [left] = round.record.dropped;
    const revealed = ofKind(facts, 'revealed');
    expect(revealed.map(({ to }) => to).sort()).toEqual([...survivors].sort());
    for (const { self, mask } of revealed) expect([self, mask]).toEqual([survivors, [left]]);
    const events = bytesToHex(encodeTranscript({ ...transcript!, bulk: null }));
    for (const { message } of of('reveal'))
      for (const { share } of message.shares) expect(events).not.toContain(bytesToHex(share));
  });

  test('holds masked slices of its own and of survivors who sent theirs to it', async () => {
    const [transcript] = await recordNode(round, alice);
    const bulk = bulkOf(transcript!)!;
    const { survivors } = round.record;
    // Its own update in the four slices that it was sent in, and what others sent to it.
    const inputs = bulk.inputs.map(({ slice, participant }) => `${slice} of ${participant}`);
    const own = [0, 1, 2, 3].map((slice) => `${slice} of ${alice}`);
    const owned = survivors.slice(1).map((id) => `0 of ${id}`);
    expect(inputs.sort()).toEqual([...own, ...owned, `3 of ${survivors.at(-1)}`].sort());
    expect(bulk.sums.map(({ slice }) => slice)).toEqual([0, 1, 2, 3]);
    expect(bulk.reveals.map(({ holder }) => holder)).toEqual(survivors);
    const [server] = await recordNode(round, SERVER);
    expect(bulkOf(server!)).toEqual({
      base: expect.any(Uint8Array),
      total: null,
      sums: [],
      inputs: [],
      reveals: [],
      commitments: [],
    });
  });

  test('inputs above the limit are let go', async () => {
    const [transcript] = await recordNode(round, alice, round.deliveries, { maxBytes: 300 });
    expect(bulkOf(transcript!)!.inputs).toEqual([]);
    const findings = await verifyTranscript(transcript!, round.suite);
    expect(findings.find(({ name }) => name === 'recomputed')).toMatchObject({ outcome: 'absent' });
    expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
  });
});

describe('an attempt that is given up', () => {
  const abandon = (code: string, from: NodeId = SERVER): Delivery => ({
    from,
    to: alice,
    message: { type: 'abandon', run: 'run', attempt: round.record, code, reason: 'too late' } as Message,
  });
  const attemptOnly = ({ from, to, message }: Delivery): Delivery => {
    const { term, round: number, attempt } = (message as MessageOf<'abandon'>).attempt;
    return { from, to, message: { ...message, attempt: { term, round: number, attempt } } as Message };
  };

  test('leaves events and its code, and no numbers', async () => {
    const [transcript] = await recordNode(round, alice, [
      ...until('sum'),
      attemptOnly(abandon('round.deadline')),
    ]);
    expect(transcript!.bulk).toBeNull();
    expect(factsOf(transcript!).at(-1)).toEqual({ kind: 'abandoned', code: 'round.deadline' });
    expect(await wrongs(transcript!)).toEqual([]);
  });

  test('only its coordinator gives it up or commits it', async () => {
    const bob = round.nodes[1]!;
    const [commit] = of('commit');
    const lies = [attemptOnly(abandon('round.deadline', bob)), { ...commit!, from: bob, to: alice }];
    expect(await recordNode(round, alice, [...until('sum'), ...lies])).toEqual([]);
  });

  test('a later invitation ends it too', async () => {
    const recorder = recorderOf(round, alice);
    const invite = of('invite')[0]!.message;
    expect(recorder.hear('in', SERVER, invite, 1)).toBeUndefined();
    expect(recorder.hear('in', SERVER, invite, 2)).toBeUndefined();
    const later = { ...invite, attempt: { ...invite.attempt, attempt: 3 } };
    const transcript = await recorder.hear('in', SERVER, later, 3);
    expect(transcript!.header.attempt.attempt).toBe(2);
    expect(factsOf(transcript!).at(-1)).toEqual({ kind: 'abandoned', code: 'round.superseded' });
    expect(recorder.hear('in', SERVER, invite, 4)).toBeUndefined();
  });
});

test('what overtakes its announcement is written down once it is announced', async () => {
  const rank = (type: MessageType) =>
    type === 'invite' ? 1 : type === 'commit' ? 3 : type === 'plan' ? 2 : 0;
  const disordered = round.deliveries.toSorted((a, b) => rank(a.message.type) - rank(b.message.type));
  const [transcript] = await recordNode(round, alice, disordered);
  const outside = new Set(['dealt', 'sent']); // what it sends itself comes after its invitation
  const sorted = (kinds: readonly string[]) => kinds.filter((kind) => !outside.has(kind)).sort();
  const [orderly] = await recordNode(round, alice);
  expect(sorted(kindsOf(transcript!))).toEqual(sorted([...kindsOf(orderly!)]));
});

test('a message that comes twice is written down once', async () => {
  const twice = round.deliveries.flatMap((delivery) =>
    delivery.message.type === 'commit' ? [delivery] : [delivery, delivery],
  );
  const [[once], [doubled]] = await Promise.all([recordNode(round, alice), recordNode(round, alice, twice)]);
  expect(kindsOf(doubled!)).toEqual(kindsOf(once!));
});

test('slices and sums of strangers, for others, or of a wrong size are not kept', async () => {
  const stranger = createNobleIdentity(repeatableRandom('stranger')).id;
  const slice = of('slice').find(({ to }) => to === alice)!.message;
  const sum = of('sum').find(({ from }) => from !== alice)!;
  const lies: Delivery[] = [
    { from: stranger, to: alice, message: slice },
    { from: round.nodes[2]!, to: alice, message: { ...slice, slice: 3 } },
    { from: round.nodes[2]!, to: alice, message: { ...slice, slice: 9 } },
    { from: round.nodes[1]!, to: alice, message: { ...slice, values: slice.values.slice(1) } },
    { from: alice, to: alice, message: { ...sum.message, slice: 3 } },
  ];
  const at = round.deliveries.findIndex(({ message }) => message.type === 'commit');
  const [honest] = await recordNode(round, alice);
  const [lied] = await recordNode(round, alice, [...until('commit'), ...lies, ...round.deliveries.slice(at)]);
  expect(kindsOf(lied!)).toEqual(kindsOf(honest!));
});

test('a node that cannot sign says so, and goes on with the next round', async () => {
  let fails = true;
  const honest = round.identities.get(alice)!;
  const identity = {
    ...honest,
    sign: (message: Uint8Array<ArrayBuffer>) =>
      fails ? Promise.reject(new Error('no')) : honest.sign(message),
  };
  const recorder = recorderOf(round, alice, { identity });
  const invite = of('invite')[0]!.message;
  recorder.hear('in', SERVER, invite, 1);
  const next = { ...invite, attempt: { ...invite.attempt, attempt: 3 } };
  await expect(recorder.hear('in', SERVER, next, 2)).rejects.toThrow('no');
  fails = false;
  const after = { ...invite, attempt: { ...invite.attempt, attempt: 4 } };
  expect((await recorder.hear('in', SERVER, after, 3))!.header.attempt.attempt).toBe(3);
});

describe('what a peer may fill memory with', () => {
  const attemptNumber = (attempt: number) => ({ term: 1, round: 7, attempt });
  /** As many adverts of as many nodes, none of which has its name from an earlier call with another label. */
  const rosterOf = (label: string, size: number, attempt = 2): Message => {
    const { message } = of('roster')[0] as unknown as { message: MessageOf<'roster'> };
    const adverts = Array.from({ length: size }, (_, i) => {
      return { ...message.adverts[0]!, participant: `${label}${i}`.padEnd(22, '_') as ParticipantId };
    });
    return { ...message, attempt: attemptNumber(attempt), adverts };
  };
  const inviteTo = (attempt: number): Message => {
    return { ...of('invite')[0]!.message, attempt: attemptNumber(attempt) };
  };
  const rostersOf = (transcript: RoundTranscript | undefined) =>
    ofKind(factsOf(transcript!), 'roster').map(({ adverts }) => adverts[0]!.participant.replace(/_+$/, ''));

  test('a reveal of a later attempt counts by its shares', async () => {
    const recorder = recorderOf(round, alice);
    const reveal = of('reveal')[0]!.message;
    const shares = Array.from({ length: 4096 }, () => reveal.shares[0]!);
    for (let i = 0; i < 7; i++) recorder.hear('in', round.nodes[1]!, { ...reveal, shares }, i);
    // Of 8 MiB less than one is left.
    recorder.hear('in', SERVER, rosterOf('many', 1000), 8);
    recorder.hear('in', SERVER, rosterOf('few', 10), 9);
    recorder.hear('in', SERVER, inviteTo(2), 10);
    expect(rostersOf(await recorder.hear('in', SERVER, inviteTo(3), 11))).toEqual(['few0']);
  });

  test('slices without values take places too: 256 messages of later attempts wait', async () => {
    const recorder = recorderOf(round, alice);
    const empty = { ...of('slice')[0]!.message, values: new Uint8Array(0) };
    for (let i = 0; i < 254; i++) recorder.hear('in', round.nodes[1]!, empty, i);
    for (const label of ['a', 'b', 'c']) recorder.hear('in', SERVER, rosterOf(label, 1), 300);
    recorder.hear('in', SERVER, inviteTo(2), 301);
    expect(rostersOf(await recorder.hear('in', SERVER, inviteTo(3), 302))).toEqual(['a0', 'b0']);
  });

  test('the next two attempts are kept; one far ahead makes room, however much it sent', async () => {
    const recorder = recorderOf(round, alice);
    for (let i = 0; i < 300; i++) recorder.hear('in', SERVER, rosterOf(`far${i}-`, 1, 99), i);
    for (const attempt of [4, 3, 2, 5])
      recorder.hear('in', SERVER, rosterOf(`of${attempt}-`, 1, attempt), 301);
    const found: string[][] = [];
    for (const attempt of [2, 3, 4, 5, 99, 100]) {
      const transcript = await recorder.hear('in', SERVER, inviteTo(attempt), 302);
      if (transcript !== undefined) found.push(rostersOf(transcript));
    }
    expect(found).toEqual([['of2-0'], ['of3-0'], [], [], []]);
  });

  test('what comes for an attempt that ended takes no room from the next', async () => {
    const recorder = recorderOf(round, alice);
    const { run, attempt } = of('invite')[0]!.message;
    recorder.hear('in', SERVER, inviteTo(2), 1);
    const abandon: Message = { type: 'abandon', run, attempt, code: 'round.deadline', reason: 'late' };
    await recorder.hear('in', SERVER, abandon, 2);
    for (let i = 0; i < 300; i++) recorder.hear('in', SERVER, rosterOf(`late${i}-`, 1, 1 + (i % 2)), 3);
    recorder.hear('in', SERVER, rosterOf('next', 1, 3), 4);
    recorder.hear('in', SERVER, inviteTo(3), 5);
    expect(rostersOf(await recorder.hear('in', SERVER, inviteTo(4), 6))).toEqual(['next0']);
  });

  test('disputes and rejections are those of the cohort and the server, and each is noted once', async () => {
    const stranger = createNobleIdentity(repeatableRandom('stranger')).id;
    const [, bob, carol] = round.nodes as ParticipantId[];
    const { run, attempt } = of('invite')[0]!.message;
    const common = { run, attempt };
    const dispute = (...slices: number[]): Message => {
      return { type: 'dispute', ...common, tally: 1, slices, owners: slices.map(() => bob!) };
    };
    const reject = (participant: ParticipantId): Message => {
      return { type: 'reject', ...common, participant, code: 'update.invalid' };
    };
    const said: [NodeId, Message][] = [
      [stranger, dispute(0)],
      [bob!, dispute(1, 1, 9)],
      [bob!, dispute(1)],
      [bob!, dispute(9)],
      [bob!, dispute(1, 0)],
      [SERVER, dispute(1)],
      [stranger, reject(bob!)],
      [bob!, reject(stranger)],
      [bob!, reject(carol!)],
      [bob!, reject(carol!)],
      [SERVER, reject(carol!)],
    ];
    const recorder = recorderOf(round, alice);
    recorder.hear('in', SERVER, inviteTo(2), 1);
    for (const [from, message] of said) recorder.hear('in', from, message, 2);
    const facts = factsOf((await recorder.hear('in', SERVER, inviteTo(3), 3))!);
    expect(ofKind(facts, 'disputed').map(({ by, slices }) => [by, slices])).toEqual([
      [bob, [1]],
      [bob, [0]],
      [SERVER, [1]],
    ]);
    expect(ofKind(facts, 'rejected').map(({ by, participant }) => [by, participant])).toEqual([
      [bob, carol],
      [SERVER, carol],
    ]);
  });
});
