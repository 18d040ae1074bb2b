import { expect, test } from 'vitest';
import { webSuite } from '../../shared/secagg/index.ts';
import { failuresOf } from './bounds.ts';
import { leavers, makeCohort } from './cohort.ts';
import { dealLargeCohort, revealsOf } from './large-cohort.ts';
import { playParticipant } from './large-participant.ts';
import { type ParticipantCell, totalOf } from './measure.ts';
import { assignmentOf, playRound, updatesOf } from './round.ts';
import { measureServer } from './server.ts';
import { expansion, type Traffic, trafficOf } from './traffic.ts';

const suite = webSuite(globalThis.crypto);
/** A clock that moves by one whenever it is read: an interval with nothing inside takes 1. */
const ticking = () => {
  let ms = 0;
  return () => ms++;
};

test('a third of ten leaves three, spread out; the first stays', () => {
  expect([...leavers(10, 1 / 3)]).toEqual([2, 5, 9]);
  expect([...leavers(10, 0.1)]).toEqual([9]);
  expect(leavers(3, 0.1).size).toBe(0);
});

test('updates take the most bits of which all fit 16: 10 · 2047 ≤ 32,767 < 10 · 4095', async () => {
  expect(await makeCohort(10, 'mesh', 5)).toMatchObject({ quantizationBits: 12 });
  expect(await makeCohort(100, 'server', 5)).toMatchObject({ quantizationBits: 9 });
});

test('a round is played to the exact sum and each phase of each survivor is timed once', async () => {
  const cohort = await makeCohort(4, 'mesh', 50);
  const updates = updatesOf(cohort);
  const round = await playRound(cohort, new Set([2]), suite, (i) => updates[i]!, ticking());
  expect(round.survivors).toHaveLength(3);
  expect(round.timings).toHaveLength(3);
  for (const timing of round.timings) expect(totalOf(timing)).toBe(8);
});

test('another update than the one that went in is not its sum', async () => {
  const cohort = await makeCohort(3, 'mesh', 50);
  const updates = updatesOf(cohort);
  let asked = 0;
  const other = updates[0]!.map((value) => (value > 0 ? value - 1 : value + 1));
  // Each is asked for once to be masked, and then once to be added up.
  const updateOf = (i: number) => (i === 0 && asked++ === 1 ? other : updates[i]!);
  await expect(playRound(cohort, new Set(), suite, updateOf, ticking())).rejects.toThrow('is not the sum');
});

test('the server does in parts what unmasking does whole', async () => {
  const cohort = await makeCohort(5, 'server', 40);
  const updates = updatesOf(cohort);
  const { assignment, survivors, masked } = await playRound(
    cohort,
    new Set([4]),
    suite,
    (i) => updates[i]!,
    ticking(),
  );
  const inputs = [...masked.values()].map(({ slices }) => slices[0]!);
  const { cost, sum } = await measureServer(
    ...([cohort.parameters, assignment, survivors, inputs, Infinity, suite, ticking()] as const),
  );
  const expected = updates[0]!.map((value, i) => value + updates[1]![i]! + updates[2]![i]! + updates[3]![i]!);
  expect([...sum.subarray(0, 40)]).toEqual([...expected]);
  // Four self masks, and four masks that the fifth shared with each.
  expect(cost).toMatchObject({ masks: 8, masksExpanded: 8 });
});

test('in a large cohort one participant goes through all steps, and shares suffice for the server', async () => {
  const cohort = await makeCohort(60, 'server', 30);
  const large = await dealLargeCohort(cohort, suite);
  const left = leavers(60, 0.1);
  const values = updatesOf(cohort)[0]!;
  const { timing, mail } = await playParticipant(large, left, suite, values, ticking());
  // All but unmasking, which is the server's.
  expect(totalOf(timing)).toBe(7);
  const survivors = cohort.parameters.cohort.filter((_, i) => !left.has(i));
  const assignment = assignmentOf(
    ...([cohort.parameters.cohort, large.adverts, large.shares, revealsOf(large, left, survivors)] as const),
  );
  const inputs = survivors.map(() => new Uint8Array(mail.slices[0]!.length));
  const { cost } = await measureServer(
    ...([cohort.parameters, assignment, survivors, inputs, 10, suite, ticking()] as const),
  );
  expect(cost.masksExpanded).toBe(10);
  // The clock was read twice around ten of them.
  expect(cost.unmaskMs).toBe(cost.masks / 10);
});

test('a peer of three sends two thirds of 900 parameters twice, and a third for its deputy', async () => {
  const cohort = await makeCohort(3, 'mesh', 900);
  const updates = updatesOf(cohort);
  const { adverts, bundles, inboxes, masked, confirmations, reveals, sums } = await playRound(
    cohort,
    new Set(),
    suite,
    (i) => updates[i]!,
    ticking(),
  );
  const traffic = trafficOf({
    ...{ parameters: cohort.parameters, index: 0, advert: adverts[0]!, roster: adverts, bundle: bundles[0]! },
    ...{ inbox: inboxes[0]!, slices: masked.get(0)!.slices, confirmation: confirmations[0]! },
    ...{ confirmed: confirmations, reveal: reveals.get(0)!, sums },
  });
  const envelopes = (name: string) => {
    const row = traffic.rows.find(({ message, direction }) => message === name && direction === 'sent')!;
    // 300 elements of 16 bits; secure ones are followed by 32 check words.
    return [row.secureBytes - row.count * 2 * 332, row.plainBytes - row.count * 2 * 300].map(
      (bytes) => bytes / row.count,
    );
  };
  for (const bytes of envelopes('slice')) expect(bytes).toBeLessThan(60);
  expect(envelopes('sum')[1]).toBeLessThan(60);
  expect(traffic.sentPlainBytes).toBeGreaterThan(4 * 600);
  expect(traffic.deputyBytes).toBeGreaterThan(2 * 332);
});

const traffic = (sentBytes: number, sentPlainBytes: number, deputyBytes: number): Traffic => {
  return { rows: [], sentBytes, sentPlainBytes, deputyBytes, receivedBytes: 0, receivedPlainBytes: 0 };
};

test('bounds: time of ten, bytes of ten, expansion of every mesh without the deputy', () => {
  const cell = (totalMs: number) =>
    ({ where: 'Node', topology: 'mesh', size: 10, left: 3, totalMs }) as ParticipantCell;
  expect(expansion(traffic(3_800_000, 3_600_000, 200_000))).toBe(1);
  const fine = { topology: 'mesh', size: 10, traffic: traffic(3_900_000, 3_650_000, 200_000) } as const;
  expect(failuresOf([cell(100)], [fine], [], 5)).toEqual([]);
  expect(failuresOf([cell(100.2)], [], [], 5)).toEqual([
    'Node: mesh of 10, 3 left: 100.2 ms per peer, bound 100',
  ]);
  const fat = { topology: 'mesh', size: 10, traffic: traffic(3_900_001, 3_600_000, 200_000) } as const;
  expect(failuresOf([], [fat], [], 5)).toEqual([
    'mesh of 10: expansion 1.0278, bound 1.02',
    'mesh of 10: 3900001 bytes sent per peer, bound 3900000',
  ]);
  expect(failuresOf([], [{ ...fat, topology: 'server' }], [], 5)).toEqual([]);
  const refused = {
    where: 'Node',
    topology: 'mesh',
    size: 3,
    left: 1,
    refused: 'secagg.below-threshold',
  } as const;
  expect(failuresOf([refused], [], [], 5)).toEqual([]);
});

test('rates that cannot be are failures of the measurement', () => {
  const rate = (expandGbps: number, applyGbps: number) => [
    { where: 'Node', name: 'x', expandGbps, applyGbps },
  ];
  expect(failuresOf([], [], rate(3, 2), 5)).toEqual([]);
  expect(failuresOf([], [], rate(5.1, 2), 5)).toEqual([
    'Node: x is faster than AES on this machine: measured wrongly',
  ]);
  expect(failuresOf([], [], rate(1, 2), 5)).toEqual([
    'Node: x applies masks faster than it expands them: measured wrongly',
  ]);
});
