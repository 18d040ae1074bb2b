import { describe, expect, test } from 'vitest';
import { type CryptoRandom, seededRandom, shuffle } from '../random/index.ts';
import { attemptPlan } from './attempt-plan.ts';
import { createMember } from './member.ts';
import { nobleSuite } from './suite-noble.ts';
import { webSuite } from './suite-web.ts';
import { type CohortOptions, type Leaving, makeCohort, playRound, repeatableRandom } from './testing.ts';
import { sliceLengths, type UnmaskedSlice } from './unmask.ts';

const suite = webSuite(crypto);

/** Plays a round and holds its sum against the plain sum of the survivors' updates. */
async function expectExact(options: CohortOptions, leaving: Leaving): Promise<void> {
  const cohort = makeCohort(options);
  const { parameters, updates } = cohort;
  const round = await playRound(cohort, suite, leaving);
  const sums = await round.unmask();
  const expected = plainSum(
    round.survivors.map((id) => updates[parameters.cohort.indexOf(id)]!),
    parameters.vectorLength,
  );
  const actual = joined(sums, parameters);
  expect(actual).toHaveLength(expected.length);
  expect(actual.findIndex((value, k) => value !== expected[k])).toBe(-1);
  for (const id of round.survivors) {
    const member = round.members[parameters.cohort.indexOf(id)]!;
    if (leaving.confirm?.includes(parameters.cohort.indexOf(id)) === true) continue;
    expect(await member.verify(sums.map(({ sum }) => sum))).toEqual([]);
  }
}

function joined(sums: readonly UnmaskedSlice[], parameters: Parameters<typeof sliceLengths>[0]): bigint[] {
  const { values } = sliceLengths(parameters);
  return sums.flatMap(({ sum }, slice) => Array.from(sum.subarray(0, values(slice)), BigInt));
}

function plainSum(updates: readonly Int32Array[], length: number): bigint[] {
  return Array.from({ length }, (_, k) => updates.reduce((sum, update) => sum + BigInt(update[k]!), 0n));
}

/** The most that may leave of n so that a threshold of ⌈2n/3⌉, and three, remain. */
const mostLeaving = (n: number) => n - Math.max(3, Math.ceil((2 * n) / 3));
const PHASES = ['keys', 'shares', 'slices', 'confirm', 'reveal'] as const;

describe('sums are exact', () => {
  for (const size of [3, 5, 10, 16])
    for (const mesh of [true, false])
      test.each([8, 12, 16, 24, 32] as const)(
        `${size} members, ${mesh ? 'mesh' : 'one slice'}, ring of %d bits, nobody leaves`,
        async (bits) => {
          await expectExact({ size, mesh, bits, vectorLength: size === 3 ? 7 : 203 }, {});
        },
      );

  for (const size of [5, 10, 16])
    test.each(PHASES)(`${size} members, a third leaves before %s`, async (phase) => {
      const gone = Array.from({ length: mostLeaving(size) }, (_, i) => 3 * i);
      await expectExact({ size, mesh: true }, { [phase]: gone });
      await expectExact({ size, bits: 24, seed: 'other' }, { [phase]: gone.map((i) => i + 1) });
    });

  test.each([3, 4, 5, 6, 7, 8, 9, 10])('a third leave whenever they like, seed %d', async (seed) => {
    const random = seededRandom(seed);
    const size = 4 + random.below(13);
    const leaving: Record<(typeof PHASES)[number], number[]> = {
      keys: [],
      shares: [],
      slices: [],
      confirm: [],
      reveal: [],
    };
    const order = shuffle(
      Array.from({ length: size }, (_, i) => i),
      random,
    ) as number[];
    for (const who of order.slice(0, mostLeaving(size))) leaving[PHASES[random.below(5)]!].push(who);
    await expectExact({ size, mesh: random.below(2) === 0, seed: `fuzz/${seed}` }, leaving);
  });

  test('both suites mask alike: half of the cohort has no WebCrypto', async () => {
    const cohort = makeCohort({ size: 4, mesh: true });
    const one = await playRound(cohort, suite);
    const other = await playRound(cohort, nobleSuite(repeatableRandom('noble')));
    expect(joined(await one.unmask(), cohort.parameters)).toEqual(
      joined(await other.unmask(), cohort.parameters),
    );
  });

  test('a vector of more than one chunk of keystream', async () => {
    await expectExact({ size: 3, mesh: true, vectorLength: 1_600_001 }, {});
    await expectExact({ size: 3, bits: 24, vectorLength: 524_289 }, {});
  });

  test('a cohort of 40 in a regular graph, a third of which leaves', async () => {
    const options = { size: 40, vectorLength: 50 };
    expect(attemptPlan(makeCohort(options).parameters).graph.complete).toBe(false);
    await expectExact(options, { slices: [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36] });
    await expectExact(options, {
      keys: [1, 4],
      shares: [7, 10],
      slices: [13, 16, 19],
      confirm: [22, 25],
      reveal: [28],
    });
  });
});

describe('what a member refuses', () => {
  const step = async () => {
    const cohort = makeCohort({ size: 4, mesh: true });
    return { cohort, round: await playRound(cohort, suite) };
  };

  test('another order of steps, and a second vector', async () => {
    const cohort = makeCohort({ size: 4 });
    const [parameters, identity] = [cohort.parameters, cohort.identities[0]!];
    const member = createMember(parameters, identity, suite, repeatableRandom('x'));
    const early = { code: 'wire.out-of-phase' };
    await expect(member.share([])).rejects.toMatchObject(early);
    await expect(member.open({ dealers: [], boxes: [], shares: [] })).rejects.toMatchObject(early);
    await expect(member.mask(cohort.updates[0]!)).rejects.toMatchObject(early);
    await expect(member.confirm(parameters.cohort)).rejects.toMatchObject(early);
    await expect(member.reveal([])).rejects.toMatchObject(early);
    await expect(member.verify([])).rejects.toMatchObject(early);
    const twice = await Promise.allSettled([member.advertise(1), member.advertise(1)]);
    expect(twice.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);

    const { round } = await step();
    await expect(round.members[0]!.mask(cohort.updates[0]!)).rejects.toMatchObject(early);
    await expect(round.members[0]!.share(round.adverts)).rejects.toMatchObject(early);
  });

  test('a second vector even when the first did not fit', async () => {
    const { cohort } = await step();
    const round = await playRound(cohort, suite, { slices: [0] });
    const [member] = round.members;
    const inbox = {
      dealers: round.dealers,
      boxes: [...round.bundles.values()].flatMap(({ shares, boxes }) =>
        boxes.flatMap(({ to, box }) =>
          to === cohort.parameters.cohort[0] ? [{ dealer: shares.dealer, box }] : [],
        ),
      ),
      shares: [...round.bundles.values()].map(({ shares }) => shares),
    };
    await member!.open(inbox);
    await expect(member!.mask(new Int32Array(100))).rejects.toMatchObject({ code: 'update.wrong-length' });
    await expect(member!.mask(new Int32Array(101).fill(40_000))).rejects.toMatchObject({
      code: 'update.overflow',
    });
    await expect(member!.mask(cohort.updates[0]!)).rejects.toMatchObject({ code: 'wire.out-of-phase' });
  });

  test('other survivors than it confirmed, before and after it revealed', async () => {
    const cohort = makeCohort({ size: 5, mesh: true });
    const { parameters } = cohort;
    const before = await playRound(cohort, suite, { reveal: [0, 1, 2, 3, 4] });
    const fewer = parameters.cohort.slice(0, 4);
    await expect(before.members[0]!.confirm(fewer)).rejects.toMatchObject({ code: 'secagg.inconsistent' });
    const after = await playRound(cohort, suite);
    await expect(after.members[0]!.confirm(fewer)).rejects.toMatchObject({ code: 'secagg.already-revealed' });
  });

  test('asked again, it says the same', async () => {
    const cohort = makeCohort({ size: 5, mesh: true });
    const round = await playRound(cohort, suite, { slices: [4] });
    const [member] = round.members;
    const confirmed = await member!.confirm(round.survivors);
    expect(confirmed.confirmation).toEqual(round.confirmations[0]);
    expect(await member!.reveal([])).toEqual(round.reveals.get(0));
    expect(await member!.reveal(round.confirmations)).toEqual(round.reveals.get(0));
  });

  test('survivors that cannot be', async () => {
    const cohort = makeCohort({ size: 6, mesh: true });
    const { cohort: ids } = cohort.parameters;
    const round = await playRound(cohort, suite, { shares: [5], confirm: [0, 1, 2, 3, 4] });
    const [member] = round.members;
    const refused = (survivors: typeof ids, code: string, path?: string) =>
      expect(member!.confirm(survivors)).rejects.toMatchObject(
        path === undefined ? { code } : { code, facts: { path } },
      );
    const stranger = makeCohort({ size: 3, seed: 'strangers' }).parameters.cohort[0]!;
    await refused([...ids.slice(0, 4), stranger], 'secagg.inconsistent', stranger);
    await refused([ids[1]!, ids[0]!, ids[2]!, ids[3]!], 'secagg.inconsistent', ids[0]);
    await refused([ids[0]!, ids[0]!, ids[2]!, ids[3]!], 'secagg.inconsistent', ids[0]);
    await refused(ids, 'secagg.inconsistent', ids[5]);
    await refused(ids.slice(1, 5), 'secagg.inconsistent', ids[0]);
    await refused(ids.slice(0, 3), 'secagg.below-threshold');
    await refused([], 'secagg.inconsistent', ids[0]);
    await member!.confirm(ids.slice(0, 4));
  });

  test('of three members, two survivors, though the threshold is two', async () => {
    const cohort = makeCohort({ size: 3 });
    const round = await playRound(cohort, suite, { confirm: [0, 1, 2] });
    await expect(round.members[0]!.confirm(round.survivors.slice(0, 2))).rejects.toMatchObject({
      code: 'secagg.below-threshold',
    });
  });

  test('confirmations that are too few, of other survivors, forged, repeated or of strangers', async () => {
    const cohort = makeCohort({ size: 6, mesh: true }); // four are needed
    const { cohort: ids } = cohort.parameters;
    const round = await playRound(cohort, suite, { slices: [5], reveal: [0, 1, 2, 3, 4] });
    const [member] = round.members;
    const [own, one, two, three] = round.confirmations;
    const few = { code: 'secagg.below-threshold' };
    await expect(member!.reveal([])).rejects.toMatchObject(few);
    await expect(member!.reveal([own!, one!, two!])).rejects.toMatchObject(few);
    await expect(member!.reveal([one!, one!, one!, two!, own!])).rejects.toMatchObject(few);

    const forged = { ...three!, signature: three!.signature.slice() };
    forged.signature[0]! ^= 1;
    const named = { code: 'secagg.bad-signature', facts: { path: ids[3] } };
    await expect(member!.reveal([one!, two!, forged])).rejects.toMatchObject(named);
    await expect(member!.reveal([one!, two!, { ...two!, participant: ids[3]! }])).rejects.toMatchObject(
      named,
    );

    // The same people were told of other survivors: 5 among them, or without 4.
    const others = await playRound(cohort, suite, { slices: [4], reveal: [0, 1, 2, 3, 5] });
    await expect(member!.reveal(others.confirmations)).rejects.toMatchObject({
      code: 'secagg.bad-signature',
    });
    const strange = makeCohort({ size: 6, mesh: true, seed: 'strangers' });
    const { confirmations } = await playRound(strange, suite);
    await expect(member!.reveal(confirmations)).rejects.toMatchObject(few);
    expect((await member!.reveal([one!, two!, three!])).shares).toHaveLength(6);
  });

  test.each([
    ['after dealing', {}],
    ['after opening and masking', { confirm: [0, 1, 2, 3] }],
    ['after revealing', {}],
  ])('nothing secret is left in memory when it is destroyed %s', async (stage, leaving) => {
    const cohort = makeCohort({ size: 4, mesh: true });
    const secrets: Uint8Array[] = [];
    const hosts = cohort.identities.map((_, i) => {
      const { bytes } = repeatableRandom(`host/${i}`);
      const random: CryptoRandom = {
        kind: 'crypto',
        bytes(length) {
          const drawn = bytes(length);
          // Seeds and secret keys; what polynomials take is not kept by the member.
          if (i === 0 && secrets.length < 4) secrets.push(drawn);
          return drawn;
        },
      };
      return { suite: { ...suite, createAgreementKeys: nobleSuite(random).createAgreementKeys }, random };
    });
    const round = await playRound(
      cohort,
      suite,
      stage === 'after dealing' ? { slices: [0] } : leaving,
      (i) => hosts[i]!,
    );
    expect(secrets).toHaveLength(4);
    round.members[0]!.destroy();
    for (const secret of secrets) expect(secret).toEqual(new Uint8Array(32));
  });

  test('A-35: anything after its secrets were destroyed, also what was under way', async () => {
    const cohort = makeCohort({ size: 4, mesh: true });
    const round = await playRound(cohort, suite, { reveal: [0, 1, 2, 3] });
    const [member] = round.members;
    const underWay = member!.reveal(round.confirmations);
    member!.destroy();
    await expect(underWay).rejects.toMatchObject({ code: 'aborted' });
    await expect(member!.confirm(round.survivors)).rejects.toMatchObject({ code: 'aborted' });
    await expect(member!.reveal(round.confirmations)).rejects.toMatchObject({ code: 'aborted' });
  });
});
