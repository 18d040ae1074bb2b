import { beforeAll, describe, expect, test } from 'vitest';
import { createMember } from './member.ts';
import { shareSecret } from './shamir.ts';
import {
  advertBytes,
  commitmentsBytes,
  survivorDigest,
  verifyAdvert,
  verifyConfirmation,
} from './signing.ts';
import { webSuite } from './suite-web.ts';
import { makeCohort, type PlayedRound, playRound, repeatableRandom } from './testing.ts';
import type { Inbox, KeyAdvert, Reveal, SecureParameters } from './types.ts';
import { isCommitted, sliceLengths, totalWeight, type UnmaskJob, unmaskSlice } from './unmask.ts';

const suite = webSuite(crypto);
/** Six in a mesh: a threshold of four. */
const cohort = makeCohort({ size: 6, mesh: true });
const { parameters, identities } = cohort;
const ids = parameters.cohort;

function flipped(bytes: Uint8Array, at = 0): Uint8Array<ArrayBuffer> {
  const changed = bytes.slice();
  changed[at]! ^= 1;
  return changed;
}
const put = <T>(items: readonly T[], index: number, item: T): T[] =>
  items.map((other, i) => (i === index ? item : other));

describe('keys', () => {
  /** Member 0, which has advertised, and everyone's adverts. */
  async function beforeShares(of: SecureParameters = parameters) {
    const members = identities.map((identity, i) =>
      createMember(of, identity, suite, repeatableRandom(`m${i}`)),
    );
    const adverts: KeyAdvert[] = [];
    for (const member of members) adverts.push(await member.advertise(5));
    return { member: members[0]!, adverts };
  }
  /** Signs keys as member `index` would. */
  async function resigned(advert: KeyAdvert, index: number): Promise<KeyAdvert> {
    return { ...advert, signature: await identities[index]!.sign(advertBytes(parameters, advert)) };
  }

  test('each fault is named, and the same member deals to a roster without it', async () => {
    const { member, adverts } = await beforeShares();
    const second = adverts[1]!;
    const small = new Uint8Array(32);
    const stranger = makeCohort({ size: 3, seed: 'strangers' });
    const strangers = createMember(
      stranger.parameters,
      stranger.identities[0]!,
      suite,
      repeatableRandom('s'),
    );
    const elsewhere = await beforeShares({
      ...parameters,
      context: { ...parameters.context, attempt: { term: 1, round: 7, attempt: 1 } },
    });
    const otherRing = await beforeShares({ ...parameters, ring: { bits: 32 } });
    const faults: [string, readonly KeyAdvert[], string, string | undefined][] = [
      [
        'wrong signature',
        put(adverts, 1, { ...second, signature: flipped(second.signature) }),
        'bad-signature',
        ids[1],
      ],
      ['changed key', put(adverts, 1, { ...second, maskKey: adverts[2]!.maskKey }), 'bad-signature', ids[1]],
      ['changed weight', put(adverts, 1, { ...second, weight: 6 }), 'bad-signature', ids[1]],
      ['signed by another', put(adverts, 1, await resigned(second, 2)), 'bad-signature', ids[1]],
      [
        'key of another device',
        put(adverts, 1, { ...second, identityKey: adverts[2]!.identityKey }),
        'bad-signature',
        ids[1],
      ],
      ['replayed keys', put(adverts, 1, elsewhere.adverts[1]!), 'bad-signature', ids[1]],
      ['another ring', put(adverts, 1, otherRing.adverts[1]!), 'bad-signature', ids[1]],
      ['small order', put(adverts, 1, await resigned({ ...second, cipherKey: small }, 1)), 'bad-key', ids[1]],
      [
        "another's key",
        put(adverts, 1, await resigned({ ...second, maskKey: adverts[0]!.cipherKey }, 1)),
        'bad-key',
        ids[1],
      ],
      [
        'one key for both',
        put(adverts, 1, await resigned({ ...second, maskKey: second.cipherKey }, 1)),
        'bad-key',
        ids[1],
      ],
      ['twice', [...adverts, second], 'inconsistent', ids[1]],
      ['own changed', put(adverts, 0, { ...adverts[0]!, weight: 6 }), 'inconsistent', ids[0]],
      ['own missing', adverts.slice(1), 'inconsistent', ids[0]],
      [
        'a stranger',
        [...adverts, await strangers.advertise(1)],
        'inconsistent',
        stranger.parameters.cohort[0],
      ],
      ['too few', adverts.slice(0, 3), 'below-threshold', undefined],
    ];
    for (const [name, roster, code, path] of faults) {
      const thrown: unknown = await member.share(roster).catch((error: unknown) => error);
      expect([name, thrown]).toEqual([
        name,
        expect.objectContaining({
          code: `secagg.${code}`,
          ...(path === undefined ? {} : { facts: expect.objectContaining({ path }) }),
        }),
      ]);
    }
    expect((await member.share(adverts.slice(0, 4))).boxes).toHaveLength(3);
  });

  test.each([0, -1, 1.5, 2 ** 32, Number.NaN])('a weight of %d is refused', async (weight) => {
    const { adverts } = await beforeShares();
    const signed = await resigned({ ...adverts[1]!, weight }, 1);
    await expect(verifyAdvert(parameters, signed, suite)).rejects.toMatchObject({ code: 'argument.invalid' });
  });

  test.each<[string, Partial<SecureParameters>]>([
    ['two members', { cohort: ids.slice(0, 2), sliceCount: 1 }],
    ['somebody twice', { cohort: [...ids.slice(0, 5), ids[0]!] }],
    ['other slices than members', { sliceCount: 5 }],
    ['no coordinates', { vectorLength: 0 }],
    ['slices in a regular graph', { ...makeCohort({ size: 40, mesh: true }).parameters }],
  ])('parameters with %s are refused', (_, change) => {
    expect(() => sliceLengths({ ...parameters, ...change })).toThrow(
      expect.objectContaining({ code: 'argument.invalid' }),
    );
  });
});

describe('shares', () => {
  let round: PlayedRound;
  /** What the coordinator hands to member 0, which has dealt and waits. */
  let inbox: Inbox;
  beforeAll(async () => {
    round = await playRound(cohort, suite, { slices: [0] });
    inbox = {
      dealers: round.dealers,
      boxes: [...round.bundles.values()].flatMap(({ shares, boxes }) =>
        boxes.flatMap(({ to, box }) => (to === ids[0] ? [{ dealer: shares.dealer, box }] : [])),
      ),
      shares: [...round.bundles.values()].map(({ shares }) => shares),
    };
  });

  test('each fault is named, and the same member opens an inbox without it', async () => {
    const [member] = round.members;
    const box = inbox.boxes[0]!;
    const committed = inbox.shares[1]!;
    const another = round.bundles.get(1)!.boxes.find(({ to }) => to === ids[2])!.box;
    // A dealer that signs commitments to other shares than it deals.
    const lying = { dealer: ids[1]!, commitments: flipped(committed.commitments) };
    const lied = { ...lying, signature: await identities[1]!.sign(commitmentsBytes(parameters, lying)) };
    const short = { dealer: ids[1]!, commitments: committed.commitments.slice(16) };
    const shortened = { ...short, signature: await identities[1]!.sign(commitmentsBytes(parameters, short)) };
    const stranger = makeCohort({ size: 3, seed: 'strangers' }).parameters.cohort[0]!;
    const faults: [string, Inbox, string, string | undefined][] = [
      [
        'box changed',
        { ...inbox, boxes: put(inbox.boxes, 0, { ...box, box: flipped(box.box) }) },
        'bad-share',
        ids[1],
      ],
      [
        'box for another',
        { ...inbox, boxes: put(inbox.boxes, 0, { ...box, box: another }) },
        'bad-share',
        ids[1],
      ],
      [
        'box of another',
        { ...inbox, boxes: put(inbox.boxes, 0, { ...box, box: inbox.boxes[1]!.box }) },
        'bad-share',
        ids[1],
      ],
      ['box missing', { ...inbox, boxes: inbox.boxes.slice(1) }, 'inconsistent', ids[1]],
      ['box twice', { ...inbox, boxes: [...inbox.boxes, box] }, 'inconsistent', ids[1]],
      [
        'box of no dealer',
        { ...inbox, dealers: [ids[0]!, ...ids.slice(2)], shares: [] },
        'inconsistent',
        ids[1],
      ],
      [
        'commitments forged',
        {
          ...inbox,
          shares: put(inbox.shares, 1, { ...committed, commitments: flipped(committed.commitments) }),
        },
        'bad-signature',
        ids[1],
      ],
      ['commitments to other shares', { ...inbox, shares: put(inbox.shares, 1, lied) }, 'bad-share', ids[1]],
      ['commitments too short', { ...inbox, shares: put(inbox.shares, 1, shortened) }, 'bad-share', ids[1]],
      [
        'commitments missing',
        { ...inbox, shares: inbox.shares.filter((_, i) => i !== 1) },
        'inconsistent',
        ids[1],
      ],
      ['commitments twice', { ...inbox, shares: [...inbox.shares, committed] }, 'inconsistent', ids[1]],
      [
        'own commitments changed',
        {
          ...inbox,
          shares: put(inbox.shares, 0, {
            ...inbox.shares[0]!,
            commitments: flipped(inbox.shares[0]!.commitments),
          }),
        },
        'inconsistent',
        ids[0],
      ],
      [
        'dealers out of order',
        { ...inbox, dealers: [ids[1]!, ids[0]!, ...ids.slice(2)] },
        'inconsistent',
        ids[0],
      ],
      ['a dealer twice', { ...inbox, dealers: [ids[0]!, ...ids] }, 'inconsistent', ids[0]],
      ['a stranger dealt', { ...inbox, dealers: [...ids, stranger] }, 'inconsistent', stranger],
      ['own shares missing', { ...inbox, dealers: ids.slice(1) }, 'inconsistent', ids[0]],
      ['too few dealers', { ...inbox, dealers: ids.slice(0, 3) }, 'below-threshold', undefined],
    ];
    for (const [name, bad, code, path] of faults) {
      const thrown: unknown = await member!.open(bad).catch((error: unknown) => error);
      expect([name, thrown]).toEqual([
        name,
        expect.objectContaining({
          code: `secagg.${code}`,
          ...(path === undefined ? {} : { facts: expect.objectContaining({ path }) }),
        }),
      ]);
    }
    await member!.open(inbox);
    await expect(member!.open(inbox)).rejects.toMatchObject({ code: 'wire.out-of-phase' });
    expect((await member!.mask(cohort.updates[0]!)).slices).toHaveLength(6);
  });

  test('someone who dealt without having advertised is named', async () => {
    const members = identities.map((identity, i) =>
      createMember(parameters, identity, suite, repeatableRandom(`late${i}`)),
    );
    const adverts: KeyAdvert[] = [];
    for (const member of members) adverts.push(await member.advertise(5));
    await members[0]!.share(adverts.slice(0, 5));
    await expect(members[0]!.open(inbox)).rejects.toMatchObject({
      code: 'secagg.inconsistent',
      facts: { path: ids[5] },
    });
  });
});

describe('confirmations at the door of a coordinator', () => {
  test('hold for one participant, one set of survivors and one set of slices', async () => {
    const round = await playRound(cohort, suite);
    const digest = survivorDigest(parameters, round.adverts, ids, ids);
    const [confirmation] = round.confirmations;
    const key = identities[0]!.publicKey;
    await verifyConfirmation(parameters, confirmation!, key, digest, suite);
    const forged = { code: 'secagg.bad-signature', facts: { path: ids[0] } };
    const refused = (changed: typeof confirmation, over = digest) =>
      expect(verifyConfirmation(parameters, changed!, key, over, suite)).rejects;
    await refused({ ...confirmation!, digests: flipped(confirmation!.digests) }).toMatchObject(forged);
    for (const other of [
      survivorDigest(parameters, round.adverts, ids, ids.slice(1)),
      survivorDigest(parameters, round.adverts, ids.slice(1), ids.slice(1)),
      survivorDigest(parameters, round.adverts.slice(1), ids, ids),
      survivorDigest({ ...parameters, vectorLength: 102 }, round.adverts, ids, ids),
    ])
      await refused(confirmation, other).toMatchObject(forged);
    await refused({ ...confirmation!, digests: confirmation!.digests.slice(16) }).toMatchObject({
      code: 'secagg.inconsistent',
    });
    expect(survivorDigest(parameters, round.adverts.toReversed(), ids, ids)).toEqual(digest);
  });
});

describe('what an owner refuses', () => {
  let round: PlayedRound;
  let job: UnmaskJob;
  beforeAll(async () => {
    round = await playRound(cohort, suite, { slices: [5] });
    job = round.job(2);
  });
  const refused = (bad: UnmaskJob, code: string, path?: string) =>
    expect(unmaskSlice(bad, suite)).rejects.toMatchObject(
      path === undefined ? { code } : { code, facts: { path } },
    );
  const changeShare = (reveals: readonly Reveal[], holder: number, dealer: number): Reveal[] =>
    put(reveals, holder, {
      ...reveals[holder]!,
      shares: put(reveals[holder]!.shares, dealer, {
        ...reveals[holder]!.shares[dealer]!,
        share: flipped(reveals[holder]!.shares[dealer]!.share),
      }),
    });

  test('inputs that are missing, of another length, or of another ring', async () => {
    await refused({ ...job, inputs: job.inputs.slice(1) }, 'secagg.inconsistent', ids[0]);
    const short = { ...job.inputs[0]!, values: job.inputs[0]!.values.slice(2) };
    await refused({ ...job, inputs: put(job.inputs, 0, short) }, 'secagg.wrong-ring', ids[0]);
    const wide = await playRound(makeCohort({ size: 6, mesh: true, bits: 32 }), suite);
    await refused(
      { ...job, inputs: put(job.inputs, 0, wide.job(2).inputs[0]!) },
      'secagg.wrong-ring',
      ids[0],
    );
  });

  test('survivors that are strangers, out of order, or two', async () => {
    await refused({ ...job, dealers: ids.slice(1) }, 'secagg.inconsistent', ids[0]);
    await refused({ ...job, survivors: job.survivors.toReversed() }, 'secagg.inconsistent', ids[3]);
    await refused({ ...job, survivors: job.survivors.slice(0, 2) }, 'secagg.below-threshold');
  });

  test('a wrong share is not used, and when too few are left, whose secret is lost is named', async () => {
    const expected = await unmaskSlice(job, suite);
    const one = changeShare(job.reveals, 0, 5);
    expect((await unmaskSlice({ ...job, reveals: one }, suite)).sum).toEqual(expected.sum);
    await refused({ ...job, reveals: changeShare(one, 1, 5) }, 'secagg.below-threshold', ids[5]);
    await refused({ ...job, reveals: job.reveals.slice(0, 3) }, 'secagg.below-threshold', ids.join(', '));
    // One holder's share does not count twice, nor does that of someone who did not survive.
    const repeated = [job.reveals[0]!, job.reveals[0]!, ...job.reveals.slice(0, 3)];
    await refused({ ...job, reveals: repeated }, 'secagg.below-threshold', ids.join(', '));
    const ghost = [...job.reveals.slice(0, 3), { ...job.reveals[3]!, holder: ids[5]! }];
    await refused({ ...job, reveals: ghost }, 'secagg.below-threshold', ids.join(', '));
  });

  test('a share of the other kind is not valid: nobody is made to count both', async () => {
    const committed = job.shares[0]!;
    const { share } = job.reveals[1]!.shares[0]!;
    expect(isCommitted(parameters, committed, ids[1]!, 'self', share)).toBe(true);
    expect(isCommitted(parameters, committed, ids[1]!, 'mask', share)).toBe(false);
    expect(isCommitted(parameters, committed, ids[2]!, 'self', share)).toBe(false);
    expect(isCommitted(parameters, job.shares[1]!, ids[1]!, 'self', share)).toBe(false);
    expect(isCommitted(parameters, committed, ids[1]!, 'self', share.slice(1))).toBe(false);
    const stranger = makeCohort({ size: 3, seed: 'strangers' }).parameters.cohort[0]!;
    expect(isCommitted(parameters, committed, stranger, 'self', share)).toBe(false);
    // Survivors as if 4 had left too: its self-mask shares, which everyone gave, do not serve.
    const fewer = job.survivors.slice(0, 4);
    await refused({ ...job, survivors: fewer }, 'secagg.below-threshold', ids[4]);
  });

  test('commitments or adverts that are missing', async () => {
    await refused({ ...job, shares: job.shares.slice(1) }, 'secagg.inconsistent', ids[0]);
    await refused({ ...job, adverts: job.adverts.slice(0, 5) }, 'secagg.inconsistent', ids[5]);
  });

  test('a dealer that dealt shares of another secret than it uses is named', async () => {
    // All shares of the mask key of 5, who left, are of a secret of its choosing, and it committed to them.
    const { shareCommitment } = await import('./key-schedule.ts');
    const { attemptPlan } = await import('./attempt-plan.ts');
    const random = repeatableRandom('liar');
    const places = [1, 2, 3, 4, 5, 6];
    for (const [dealer, kind] of [
      [5, 'mask'],
      [1, 'self'],
    ] as const) {
      const dealt = shareSecret(random.bytes(32), places, 4, random);
      const commitments = job.shares[dealer]!.commitments.slice();
      dealt.forEach((share, holder) => {
        const at = 32 * holder + (kind === 'self' ? 0 : 16);
        commitments.set(shareCommitment(attemptPlan(parameters), dealer, holder, kind, share), at);
      });
      const reveals = job.reveals.map((reveal, holder) => ({
        ...reveal,
        shares: put(reveal.shares, dealer, { dealer: ids[dealer]!, share: dealt[holder]! }),
      }));
      const shares = put(job.shares, dealer, { ...job.shares[dealer]!, commitments });
      await refused({ ...job, reveals, shares }, 'secagg.bad-share', ids[dealer]);
    }
  });

  test('the weight of a sum is that of its survivors', () => {
    expect(totalWeight(job.adverts, job.survivors)).toBe(10 + 11 + 12 + 13 + 14);
    expect(() => totalWeight(job.adverts.slice(1), job.survivors)).toThrow(
      expect.objectContaining({ code: 'secagg.inconsistent' }),
    );
  });
});

describe('a wrong sum', () => {
  test.each([8, 12, 16, 24, 32] as const)('in a ring of %d bits is found by every member', async (bits) => {
    const six = makeCohort({ size: 6, bits });
    const round = await playRound(six, suite, { slices: [5] });
    const { sum } = (await round.unmask())[0]!;
    const [member] = round.members;
    expect(await member!.verify([sum])).toEqual([]);
    const top = -(2 ** (bits - 1));
    for (const [at, error] of [
      [0, 1],
      [100, -1],
      [50, top], // only the highest bit is wrong
      [101, 1], // a check word
      [132, 1],
    ] as const) {
      const wrong = sum.slice();
      wrong[at] = bits === 32 ? wrong[at]! + error : ((wrong[at]! + error) << (32 - bits)) >> (32 - bits);
      expect(await member!.verify([wrong])).toEqual([0]);
    }
    expect(await member!.verify([sum.slice(1)])).toEqual([0]);
    if (bits < 32) {
      const outside = sum.slice();
      outside[0] = 2 ** 30;
      expect(await member!.verify([outside])).toEqual([0]);
    }
    await expect(member!.verify([])).rejects.toMatchObject({ code: 'argument.invalid' });
  });

  test('in a mesh is found by all but the owner of the slice, who looks at the others only', async () => {
    const round = await playRound(cohort, suite);
    const sums = (await round.unmask()).map(({ sum }) => sum);
    for (const sum of [sums[1]!, sums[3]!]) sum[0]!++;
    expect(await round.members[0]!.verify(sums)).toEqual([1, 3]);
    expect(await round.members[1]!.verify(sums)).toEqual([3]);
  });

  test('A-41: a member whose slice went to another owner checks that slice as well', async () => {
    const round = await playRound(cohort, suite);
    const sums = (await round.unmask()).map(({ sum }) => sum);
    sums[1]![0] = sums[1]![0]! + 1;
    expect(await round.members[1]!.verify(sums, [])).toEqual([1]);
    expect(await round.members[1]!.verify(sums, [1])).toEqual([]);
  });
});
