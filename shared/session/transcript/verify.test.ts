import { beforeAll, describe, expect, test } from 'vitest';
import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import { signSum } from '../../secagg/index.ts';
import type { Message } from '../../wire/index.ts';
import { genesisHash, headBytes, linkHash } from './chain.ts';
import { evidenceOf, type GroupEvidence } from './evidence.ts';
import {
  decodeTranscript,
  encodeTranscript,
  type RoundTranscript,
  verifyTogether,
  verifyTranscript,
} from './index.ts';
import {
  type Delivery,
  recordAll,
  recordNode,
  type ScriptedRound,
  scriptRound,
  TEST_SUITE,
} from './testing.ts';
import { bulkOf, encodeBulk } from './transcript.ts';

const suite = TEST_SUITE;
let round: ScriptedRound;
let all: Map<NodeId, RoundTranscript>;
let alice: ParticipantId;
let bob: ParticipantId;
let dave: ParticipantId;
beforeAll(async () => {
  round = await scriptRound({ size: 5, leaves: 1 });
  all = await recordAll(round);
  [alice, bob, , dave] = round.nodes as ParticipantId[] as [
    ParticipantId,
    ParticipantId,
    ParticipantId,
    ParticipantId,
  ];
});

const outcomes = async (transcript: RoundTranscript, outcome: string) =>
  (await verifyTranscript(transcript, suite))
    .filter((finding) => finding.outcome === outcome)
    .map(({ name }) => name);
const wrongs = (transcript: RoundTranscript) => outcomes(transcript, 'wrong');

/** Dave's sum as alice is given it, signed by dave himself. */
async function withSum(
  change: (sum: Extract<Message, { type: 'sum' }>) => Extract<Message, { type: 'sum' }>,
): Promise<(delivery: Delivery) => Message | undefined> {
  const [{ parameters }] = evidenceOf(all.get(alice)!).groups as [GroupEvidence];
  const [sum] = round.deliveries.flatMap(({ from, message }) =>
    from === dave && message.type === 'sum' ? [message] : [],
  );
  const changed = change(sum!);
  const { digests } = changed.proof!;
  const signature = await signSum(round.identities.get(dave)!, {
    parameters,
    slice: changed.slice,
    values: changed.values,
    digests,
  });
  const lie = { ...changed, proof: { ...changed.proof!, signature } };
  return ({ from, message }) => (from === dave && message.type === 'sum' ? lie : undefined);
}

test('of an honest round every transcript holds, and shows what its node saw', async () => {
  for (const [node, transcript] of all) {
    const read = decodeTranscript(encodeTranscript(transcript));
    expect([node, await wrongs(read)]).toEqual([node, []]);
  }
  expect(await outcomes(all.get(alice)!, 'absent')).toEqual([]);
  // Whoever left knows what became of the round, but had nothing in it.
  expect(await outcomes(all.get(bob)!, 'absent')).toEqual(['reveals', 'own-update', 'recomputed']);
  expect(await outcomes(all.get(SERVER)!, 'absent')).toEqual([
    'reveals',
    'sums',
    'own-update',
    'confirmed-updates',
    'weight',
    'recomputed',
    'model',
  ]);
});

test('the server computes a round again that it owned', async () => {
  const owned = await scriptRound({ size: 3, server: true });
  const server = (await recordAll(owned)).get(SERVER)!;
  const findings = await verifyTranscript(server, suite);
  expect(findings.find(({ name }) => name === 'recomputed')).toMatchObject({ outcome: 'ok', slices: ['0'] });
  expect(findings.find(({ name }) => name === 'model')).toMatchObject({ outcome: 'ok' });
});

describe('a transcript that was changed after it was signed', () => {
  const edited = (edit: (transcript: RoundTranscript) => Partial<RoundTranscript>): RoundTranscript => {
    const transcript = all.get(alice)!;
    return { ...transcript, ...edit(transcript) };
  };
  test.each<[string, string[], (transcript: RoundTranscript) => Partial<RoundTranscript>]>([
    [
      'two events in other places',
      ['chain'],
      ({ events }) => ({ events: [events[0]!, events[2]!, events[1]!, ...events.slice(3)] }),
    ],
    [
      'an event that is missing',
      ['chain', 'signature'],
      ({ events }) => ({ events: events.filter(({ kind }) => kind !== 'dealt') }),
    ],
    [
      'an event twice',
      ['chain', 'signature'],
      ({ events }) => ({ events: [...events.slice(0, 2), ...events.slice(1)] }),
    ],
    [
      'another time',
      ['chain'],
      ({ events }) => ({ events: events.map((event, i) => (i === 4 ? { ...event, atMs: 1 } : event)) }),
    ],
    [
      'an end that is missing',
      ['chain', 'signature', 'contents'],
      ({ events }) => ({ events: events.slice(0, -1) }),
    ],
    ['events of another node', ['chain', 'signature', 'contents'], () => ({ events: all.get(dave)!.events })],
    ['another run', ['chain'], ({ header }) => ({ header: { ...header, run: 'other' } })],
    [
      'another federation',
      ['chain'],
      ({ header }) => ({ header: { ...header, federation: header.federation.replace('Scripted', 'Other') } }),
    ],
    ['no numbers', ['signature', 'contents'], () => ({ bulk: null })],
    [
      'another signature',
      ['signature'],
      ({ signature }) => ({ signature: signature.map((byte) => byte ^ 1) }),
    ],
  ])('%s', async (_, names, edit) => {
    expect(
      (await wrongs(edited(edit))).filter((name) => ['chain', 'signature', 'contents'].includes(name)),
    ).toEqual(names);
  });

  test('every byte of the file counts', async () => {
    const file = encodeTranscript(all.get(alice)!);
    for (let at = 0; at < file.length; at += Math.ceil(file.length / 40)) {
      const bad = file.slice();
      bad[at]! ^= 0x40;
      let names: string[];
      try {
        names = await wrongs(decodeTranscript(bad));
      } catch (thrown) {
        names = [(thrown as { code: string }).code];
      }
      expect([at, names.length > 0]).toEqual([at, true]);
    }
  });
});

describe('a node that signs lies of its own', () => {
  /** Links and signs anew, as the node itself could. */
  async function signedAnew(node: NodeId, change: Partial<RoundTranscript>): Promise<RoundTranscript> {
    const { events, ...rest } = { ...all.get(node)!, ...change };
    let head = genesisHash(rest.header);
    const linked = events.map((event, seq) => {
      head = linkHash(head, { ...event, seq });
      return { ...event, seq, hash: head };
    });
    const bulkDigest = await suite.digest(rest.bulk ?? new Uint8Array(0));
    const signature = await round.identities.get(node)!.sign(headBytes(head, linked.length, bulkDigest));
    return { ...rest, events: linked, bulkDigest, signature };
  }

  test('other numbers beside the events', async () => {
    const bulk = bulkOf(all.get(alice)!)!;
    const [first, ...others] = bulk.inputs;
    const forged = { ...first!, values: first!.values.map((byte) => byte ^ 1) };
    const changed = await signedAnew(alice, { bulk: encodeBulk({ ...bulk, inputs: [forged, ...others] }) });
    expect(await wrongs(changed)).toEqual(['contents', 'recomputed']);
  });

  test('another base model', async () => {
    const bulk = bulkOf(all.get(alice)!)!;
    const base = new Uint8Array(bulk.base!.byteLength);
    expect(await wrongs(await signedAnew(alice, { bulk: encodeBulk({ ...bulk, base }) }))).toEqual(['model']);
  });

  test('another name', async () => {
    const { header } = all.get(alice)!;
    const changed = await signedAnew(alice, { header: { ...header, node: dave } });
    expect((await wrongs(changed))[0]).toBe('signature');
  });

  test('a transcript without a beginning', async () => {
    const { events } = all.get(alice)!;
    expect(await wrongs(await signedAnew(alice, { events: events.slice(1) }))).toEqual(['chain', 'contents']);
  });

  test('shares that were revealed before survivors were confirmed', async () => {
    const { events } = all.get(alice)!;
    const confirmed = events.findIndex(({ kind }) => kind === 'confirmations');
    const late = [
      ...events.slice(0, confirmed),
      ...events.slice(confirmed + 1, -1),
      events[confirmed]!,
      events.at(-1)!,
    ];
    expect(await wrongs(await signedAnew(alice, { events: late }))).toEqual(['reveals']);
  });
});

describe('a lie that a node was told and wrote down', () => {
  const told = (lie: (delivery: Delivery) => Message | undefined) =>
    round.deliveries.map((delivery) => ({ ...delivery, message: lie(delivery) ?? delivery.message }));
  const names = async (node: NodeId, lie: (delivery: Delivery) => Message | undefined) =>
    wrongs((await recordNode(round, node, told(lie)))[0]!);

  test('keys that their device did not sign', async () => {
    const found = await names(alice, ({ message }) => {
      if (message.type !== 'roster') return undefined;
      const [first, ...others] = message.adverts;
      return { ...message, adverts: [{ ...first!, weight: first!.weight + 1 }, ...others] };
    });
    expect(found).toEqual(expect.arrayContaining(['adverts', 'confirmations', 'weight']));
  });

  test('confirmations that are too few', async () => {
    const found = await names(alice, ({ message }) =>
      message.type === 'confirmed'
        ? { ...message, confirmations: message.confirmations.slice(0, 3) }
        : undefined,
    );
    expect(found).toEqual(['confirmations', 'reveals']);
  });

  test('a confirmation of other survivors', async () => {
    const other = await scriptRound({ size: 5, leaves: 2 });
    const found = await names(alice, ({ message }) =>
      message.type === 'confirmed'
        ? { ...message, confirmations: [...other.played.confirmations] }
        : undefined,
    );
    expect(found).toEqual(expect.arrayContaining(['confirmations']));
  });

  test('a survivor that had not dealt', async () => {
    const found = await names(alice, ({ message }) =>
      message.type === 'inbox'
        ? { ...message, dealers: message.dealers.filter((id) => id !== dave) }
        : undefined,
    );
    expect(found).toEqual(expect.arrayContaining(['survivors', 'confirmations']));
  });

  test('two sets of survivors', async () => {
    const at = round.deliveries.findIndex(({ message }) => message.type === 'confirm');
    const plan = round.deliveries.find(({ message }) => message.type === 'plan')!.message as Extract<
      Message,
      { type: 'plan' }
    >;
    const survivors = plan.plan.survivors!.slice(1);
    const other: Message = { ...plan, plan: { ...plan.plan, revision: 2, survivors } };
    const deliveries = [...round.deliveries];
    deliveries.splice(at, 0, { from: SERVER, to: alice, message: other });
    const [transcript] = await recordNode(round, alice, deliveries);
    expect(await wrongs(transcript!)).toEqual(expect.arrayContaining(['survivors']));
  });

  test('an owner that signs a wrong sum convicts itself, and no model follows', async () => {
    const lie = await withSum((sum) => ({
      ...sum,
      values: sum.values.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
    }));
    expect(await names(alice, lie)).toEqual(['model']);
    expect(await names(dave, lie)).toEqual(['recomputed', 'model']);
  });

  test('an owner that leaves an update out', async () => {
    const lie = await withSum((sum) => {
      const digests = sum.proof!.digests.slice();
      digests[0]! ^= 1;
      return { ...sum, proof: { ...sum.proof!, digests } };
    });
    expect(await names(alice, lie)).toEqual(['own-update', 'confirmed-updates']);
    expect(await names(dave, lie)).toEqual(['confirmed-updates', 'recomputed']);
  });

  test('an owner that counts otherwise', async () => {
    expect(await names(alice, await withSum((sum) => ({ ...sum, weight: sum.weight + 1 })))).toEqual([
      'weight',
    ]);
  });

  test('an owner that publishes two sums', async () => {
    const lie = await withSum((sum) => ({
      ...sum,
      values: sum.values.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
    }));
    const at = round.deliveries.findIndex(
      ({ from, to, message }) => from === dave && to === alice && message.type === 'sum',
    );
    const deliveries = [...round.deliveries];
    const delivery = deliveries[at]!;
    deliveries.splice(at, 0, { ...delivery, message: lie(delivery)! });
    const [transcript] = await recordNode(round, alice, deliveries);
    expect(await wrongs(transcript!)).toEqual(['sums']);
  });

  test('a sum that nobody signed', async () => {
    expect(
      await names(alice, ({ from, message }) =>
        from === dave && message.type === 'sum' ? { ...message, proof: null } : undefined,
      ),
    ).toEqual(expect.arrayContaining(['sums']));
  });

  test('another model than was computed', async () => {
    const found = await names(alice, ({ message }) =>
      message.type === 'commit'
        ? { ...message, record: { ...message.record, hash: '0'.repeat(64) } }
        : undefined,
    );
    expect(found).toEqual(['model']);
  });
});

describe('transcripts together', () => {
  const jointly = async (transcripts: readonly RoundTranscript[]) => {
    const { joint } = await verifyTogether(transcripts, suite);
    return Object.fromEntries(joint.map(({ name, outcome }) => [name, outcome]));
  };
  const allOk = {
    'same-round': 'ok',
    'same-survivors': 'ok',
    'same-sums': 'ok',
    'same-model': 'ok',
    'every-update': 'ok',
    'slices-recomputed': 'ok',
    replayed: 'ok',
  };

  test('of all nodes show the whole round', async () => {
    const { joint } = await verifyTogether([...all.values()], suite);
    expect(Object.fromEntries(joint.map(({ name, outcome }) => [name, outcome]))).toEqual(allOk);
    expect(joint.find(({ name }) => name === 'slices-recomputed')?.slices).toEqual(['0', '1', '2', '3', '4']);
    expect(joint.at(-1)?.text).toBe('5 of 6 transcripts give the committed model.');
  });

  test('of one node show less; of the server alone, not the model', async () => {
    expect(await jointly([all.get(alice)!])).toEqual({
      ...allOk,
      'same-survivors': 'absent',
      'same-sums': 'absent',
    });
    expect(await jointly([all.get(SERVER)!])).toMatchObject({
      replayed: 'wrong',
      'slices-recomputed': 'absent',
    });
  });

  test('of two rounds do not belong together', async () => {
    const other = await scriptRound({ size: 5, leaves: 1, round: 8, seed: 'other' });
    const [foreign] = await recordNode(other, other.nodes[0]!);
    expect(await jointly([all.get(alice)!, foreign!])).toMatchObject({
      'same-round': 'wrong',
      'same-model': 'wrong',
    });
  });

  test('of one node twice are one too many', async () => {
    expect(await jointly([all.get(alice)!, all.get(alice)!])).toMatchObject({ 'same-round': 'wrong' });
  });

  test('tell when two nodes were given different sums', async () => {
    const deliveries = round.deliveries.map((delivery) => {
      const { from, to, message } = delivery;
      if (from !== bob && to === alice && message.type === 'sum' && message.slice === 3)
        return { ...delivery, message: { ...message, values: message.values.map((byte) => byte ^ 1) } };
      return delivery;
    });
    const [lied] = await recordNode(round, alice, deliveries);
    expect(await jointly([lied!, all.get(dave)!])).toMatchObject({ 'same-sums': 'wrong' });
  });

  test('tell when an update that was sent is not in a sum', async () => {
    // Alice says that she sent something else than the others added up.
    const deliveries = round.deliveries.map((delivery) => {
      const { from, message } = delivery;
      if (from !== alice || message.type !== 'slice' || message.slice !== 3) return delivery;
      return { ...delivery, message: { ...message, values: message.values.map((byte) => byte ^ 1) } };
    });
    const [other] = await recordNode(round, alice, deliveries);
    expect(await jointly([all.get(dave)!, other!])).toMatchObject({ 'every-update': 'wrong' });
  });

  test('an unreadable one does not hide the others', async () => {
    const { events } = all.get(dave)!;
    const broken = { ...all.get(dave)!, events: events.slice(1) };
    expect(await jointly([all.get(alice)!, broken])).toMatchObject({ 'same-round': 'ok', replayed: 'ok' });
  });

  test('convict an owner that published a wrong sum, without its help', async () => {
    const lie = await withSum((sum) => ({
      ...sum,
      values: sum.values.map((byte, i) => (i === 0 ? byte ^ 1 : byte)),
    }));
    const deliveries = round.deliveries.map((delivery) => ({
      ...delivery,
      message: lie(delivery) ?? delivery.message,
    }));
    const others: RoundTranscript[] = [];
    for (const node of round.nodes)
      if (node !== dave) others.push(...(await recordNode(round, node, deliveries)));
    const { joint } = await verifyTogether(others, suite);
    expect(joint.find(({ name }) => name === 'slices-recomputed')).toMatchObject({
      outcome: 'wrong',
      text: `The sum of slice 3 that ${dave} published is not the sum of its masked slices.`,
    });
    // One survivor less, and its masked slice is missing.
    const fewer = await verifyTogether(others.slice(1), suite);
    const recomputed = fewer.joint.find(({ name }) => name === 'slices-recomputed');
    expect(recomputed).toMatchObject({ outcome: 'ok', slices: ['1', '2', '4'] });
  });

  test('none at all show nothing', async () => {
    expect(new Set(Object.values(await jointly([])))).toEqual(new Set(['absent']));
  });
});

describe('a round of two groups', () => {
  let grouped: ScriptedRound;
  let written: Map<NodeId, RoundTranscript>;
  beforeAll(async () => {
    grouped = await scriptRound({ size: 4, groups: 2, leaves: 1 });
    written = await recordAll(grouped);
  });

  test('every member shows that its update is in the sum of its group', async () => {
    const carol = grouped.nodes[2]!;
    const findings = await verifyTranscript(written.get(carol)!, suite);
    expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
    const absent = findings.filter(({ outcome }) => outcome === 'absent');
    expect(absent.map(({ name, text }) => [name, text])).toEqual([
      ['total', 'The sums of 1 of 2 groups are known.'],
    ]);
    expect(findings.find(({ name }) => name === 'recomputed')).toMatchObject({ slices: ['0/1', '0/2'] });
  });

  test('the server shows that the total is the sum of both', async () => {
    const findings = await verifyTranscript(written.get(SERVER)!, suite);
    expect(findings.filter(({ outcome }) => outcome === 'wrong')).toEqual([]);
    const find = (name: string) => findings.find((finding) => finding.name === name);
    expect(find('total')).toEqual({
      name: 'total',
      outcome: 'ok',
      text: 'The total is the sum of 2 groups.',
    });
    expect(find('sums')?.text).toContain('In each of 2 groups');
    expect(find('model')).toMatchObject({ outcome: 'ok' });
  });

  test('members of both show it without the server', async () => {
    const { joint } = await verifyTogether([...written.values()].slice(0, -1), suite);
    expect(joint.map(({ name, outcome }) => [name, outcome])).toEqual(
      [
        'same-round',
        'same-survivors',
        'same-sums',
        'same-model',
        'every-update',
        'slices-recomputed',
        'all-groups',
        'replayed',
      ].map((name) => [name, 'ok']),
    );
    expect(joint.find(({ name }) => name === 'slices-recomputed')?.slices).toHaveLength(8);
  });

  test('a server that adds something to the total is found out by them', async () => {
    const deliveries = grouped.deliveries.map((delivery) => {
      const { message } = delivery;
      if (message.type !== 'total') return delivery;
      return {
        ...delivery,
        message: { ...message, values: message.values.map((byte, i) => byte ^ Number(i === 0)) },
      };
    });
    const members: RoundTranscript[] = [];
    for (const node of grouped.nodes)
      if (node !== SERVER) members.push(...(await recordNode(grouped, node, deliveries)));
    const { joint } = await verifyTogether(members, suite);
    expect(joint.find(({ name }) => name === 'all-groups')).toMatchObject({ outcome: 'wrong' });
  });

  test('the server goes on without a group that is given up; its members do not', async () => {
    const [a] = grouped.nodes;
    const { term, round: number, attempt } = grouped.record;
    const abandon: Message = {
      type: 'abandon',
      run: 'run',
      attempt: { term, round: number, attempt },
      code: 'secagg.below-threshold',
      reason: 'Too few.',
      group: 0,
    };
    const at = grouped.deliveries.findIndex(({ message }) => message.type === 'total');
    const survivors = grouped.record.survivors.filter((id) => grouped.nodes.indexOf(id) >= 4);
    const deliveries: Delivery[] = [
      ...grouped.deliveries.slice(0, at),
      { from: SERVER, to: a!, message: abandon },
      ...grouped.deliveries.slice(at).map((delivery): Delivery => {
        const { message } = delivery;
        if (message.type !== 'commit') return delivery;
        return { ...delivery, message: { ...message, record: { ...message.record, survivors, groups: 1 } } };
      }),
    ];
    const [member] = await recordNode(grouped, a!, deliveries);
    expect(member!.bulk).toBeNull();
    const [server] = await recordNode(grouped, SERVER, deliveries);
    const findings = await verifyTranscript(server!, suite);
    // The total of this script still holds both groups, which is now wrong; nothing else is.
    expect(findings.filter(({ outcome }) => outcome === 'wrong').map(({ name }) => name)).toEqual(['total']);
  });
});
