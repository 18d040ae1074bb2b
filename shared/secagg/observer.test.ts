import { describe, expect, test } from 'vitest';
import type { ParticipantId } from '../identity/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { attemptPlan } from './attempt-plan.ts';
import { isCommitted } from './commitments.ts';
import { pairMaskKey, pairMaskSign, seedCommitment, selfMaskKey } from './key-schedule.ts';
import { applyMasks, type Mask } from './masking.ts';
import { type RingVector, ringVector, unpackRing } from './ring.ts';
import { reconstructSecret } from './shamir.ts';
import { confirmationBytes, survivorDigest } from './signing.ts';
import type { CryptoSuite } from './suite.ts';
import { nobleSuite } from './suite-noble.ts';
import { webSuite } from './suite-web.ts';
import { makeCohort, type PlayedRound, playRound, repeatableRandom } from './testing.ts';
import type { KeyAdvert, Ring, SecureParameters } from './types.ts';
import { sliceLengths } from './unmask.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Coordinates of the victim's update. */
const LENGTH = 60_000;

/**
 * An observer sees everything that is sent: it is the server, the coordinator and every owner. It also has all that t − 1
 * colluding members drew, agreed and opened. It takes off the victim's vector every mask that it can work out. What is
 * left has to be uniform. Everything is drawn from seeds, so that a result is the same every time.
 */
interface Observer {
  readonly round: PlayedRound;
  readonly parameters: SecureParameters;
  /** All 32-byte values that colluders drew: their seeds and secret keys, and candidates for those of others. */
  readonly drawn: readonly Bytes[];
  /** Shares of the victim's secrets that colluders were dealt. */
  readonly shares: readonly { x: number; self: Bytes; mask: Bytes }[];
  readonly suite: CryptoSuite;
}

/** What is planted to see that the tests would notice. */
type Leak = 'none' | 'seed used by two' | 'both shares' | 'float masks';

const VICTIM = 1;

interface Scene {
  readonly size: number;
  readonly bits: 16 | 24 | 32;
  readonly mesh: boolean;
  /** Survivors have their self masks taken off; of who sent its slices too late, the masks it shares with others. */
  readonly victim: 'survives' | 'is late';
  readonly leak?: Leak;
}

async function observe({ size, bits, mesh, victim, leak = 'none' }: Scene): Promise<Observer> {
  const cohort = makeCohort({ size, bits, mesh, vectorLength: LENGTH });
  const { parameters, identities } = cohort;
  // Nothing about a constant is uniform: whatever shines through, shows.
  const updates = cohort.updates.map((update) => update.fill(7));
  const plan = attemptPlan(parameters);
  const colluders = identities.map((_, i) => i).slice(size - plan.graph.threshold + 1);
  const drawn: Bytes[] = [];
  const opened: { holder: number; plain: Bytes }[] = [];
  const base = { ...webSuite(crypto), ...(leak === 'float masks' ? { keystream: floatKeystream } : {}) };
  const hosts = identities.map((_, i) => {
    const record = (label: string): CryptoRandom => {
      const { bytes } = repeatableRandom(label);
      return {
        kind: 'crypto',
        bytes(length) {
          const drawing = bytes(length);
          if (colluders.includes(i)) drawn.push(drawing.slice());
          return drawing;
        },
      };
    };
    const suite: CryptoSuite = {
      ...base,
      createAgreementKeys: nobleSuite(record(`keys/${i}`)).createAgreementKeys,
      async open(key, sealed, associated) {
        const plain = await base.open(key, sealed, associated);
        opened.push({ holder: i, plain: plain.slice() });
        return plain;
      },
    };
    const seed = leak === 'seed used by two' && i === colluders[0] ? VICTIM : i;
    return { suite, random: record(`seeds/${seed}`) };
  });
  const leaving = victim === 'is late' ? { count: [VICTIM] } : {};
  const round = await playRound({ ...cohort, updates }, base, leaving, (i) => hosts[i]!);
  const committed = round.bundles.get(VICTIM)!.shares;
  const shares = opened.flatMap(({ holder, plain }) => {
    const [self, mask] = [plain.slice(0, 32), plain.slice(32, 64)];
    const known = leak === 'both shares' || colluders.includes(holder);
    return known && isCommitted(parameters, committed, parameters.cohort[holder]!, 'self', self)
      ? [{ x: holder + 1, self, mask }]
      : [];
  });
  return { round, parameters, drawn: drawn.filter(({ length }) => length === 32), shares, suite: base };
}

/** The victim's vector without every mask that the observer can work out. */
async function stripped({
  round,
  parameters,
  drawn,
  shares,
  suite,
}: Observer): Promise<{ vector: RingVector; taken: number }> {
  const plan = attemptPlan(parameters);
  const { ring, cohort } = parameters;
  const vector = ringVector(ring, plan.slices.total);
  round.masked.get(VICTIM)!.slices.forEach((slice, c) => {
    vector.set(unpackRing(slice, plan.slices.length(c), ring), plan.slices.offset(c));
  });
  const adverts = new Map(round.adverts.map((advert) => [advert.participant, advert]));
  const victim = adverts.get(cohort[VICTIM]!)!;
  const masks: Mask[] = [];

  const { commitments } = round.bundles.get(VICTIM)!.shares;
  const holders = plan.holdersOf(VICTIM).length;
  const seedAt = commitments.subarray(32 * holders, 32 * holders + 16).join();
  const isSelfSeed = (seed: Bytes) => seedCommitment(plan, VICTIM, 'self', seed).join() === seedAt;
  const isMaskSecret = async (advert: KeyAdvert, secret: Bytes) =>
    (await suite.publicKeyOf(secret)).join() === advert.maskKey.join();

  const revealed = [...round.reveals].flatMap(([holder, { shares: of }]) =>
    of
      .filter(({ dealer }) => dealer === cohort[VICTIM])
      .map(({ share }) => ({ x: holder + 1, self: share, mask: share })),
  );
  const candidates = (kind: 'self' | 'mask'): Bytes[] => {
    const known = new Map(shares.map((share) => [share.x, share[kind]]));
    for (const share of revealed)
      if (isCommitted(parameters, round.bundles.get(VICTIM)!.shares, cohort[share.x - 1]!, kind, share[kind]))
        known.set(share.x, share[kind]);
    const placed = [...known].map(([x, share]) => ({ x, share }));
    // With one share less than the threshold this is a guess as good as any.
    return [reconstructSecret(placed, Math.min(placed.length, plan.graph.threshold)), ...drawn];
  };
  const seed = candidates('self').find(isSelfSeed);
  if (seed !== undefined) masks.push({ key: selfMaskKey(plan, seed, victim.participant), sign: -1 });

  const secrets = [...candidates('mask')];
  const knownSecret = async (advert: KeyAdvert): Promise<Bytes | undefined> => {
    for (const secret of secrets) if (await isMaskSecret(advert, secret)) return secret;
    return undefined;
  };
  const own = await knownSecret(victim);
  for (const dealer of round.dealers) {
    if (dealer === victim.participant) continue;
    const advert = adverts.get(dealer)!;
    const theirs = await knownSecret(advert);
    const agreed =
      own !== undefined
        ? await suite.agree(own, advert.maskKey)
        : theirs !== undefined
          ? await suite.agree(theirs, victim.maskKey)
          : undefined;
    if (agreed === undefined) continue;
    const key = pairMaskKey(plan, agreed, victim, advert);
    masks.push({ key, sign: pairMaskSign(VICTIM, cohort.indexOf(dealer)) === 1 ? -1 : 1 });
  }
  await applyMasks(vector, masks, 0, ring, suite);
  return { vector, taken: masks.length };
}

/** Uniform in a narrow range, as masks are that are drawn as floats and rounded. */
async function floatKeystream(key: Bytes, offset: number, length: number): Promise<Bytes> {
  const stream = await webSuite(crypto).keystream(key, offset, length);
  const words = new Int16Array(stream.slice().buffer);
  for (let i = 0; i < words.length; i++) words[i] = Math.round(words[i]! / 100);
  return new Uint8Array(words.buffer);
}

/**
 * Chi-square statistics of 256 bins for each byte of an element, of the elements and of the differences of neighbours
 * (which would show a keystream that repeats, or one that is used twice).
 */
function chiSquares(vector: RingVector, { bits }: Ring): number[] {
  const modulus = 2 ** bits;
  const differences = vector.map((value, i) => (value - vector[Math.max(0, i - 1)]! + modulus) % modulus);
  const statistics: number[] = [];
  for (const values of [vector, differences.subarray(1)])
    for (let byte = 0; byte < bits / 8; byte++) {
      const bins = new Float64Array(256);
      for (const value of values) bins[(value >>> (8 * byte)) & 255]!++;
      const expected = values.length / 256;
      statistics.push(bins.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0));
    }
  return statistics;
}

/**
 * With 255 degrees of freedom a statistic of uniform bytes is above 415, or below 141, with probability 1e-9 each
 * (Wilson and Hilferty 1931: 255 · (1 − 2/2295 ± 6·√(2/2295))³).
 */
const [LOWEST, HIGHEST] = [141, 415];
const isUniform = (statistics: number[]) =>
  statistics.every((statistic) => statistic > LOWEST && statistic < HIGHEST);

describe('what the observer is left with', () => {
  test.each([
    { size: 6, bits: 16, mesh: true, victim: 'survives' },
    { size: 6, bits: 16, mesh: true, victim: 'is late' },
    { size: 6, bits: 24, mesh: false, victim: 'survives' },
    { size: 6, bits: 24, mesh: false, victim: 'is late' },
    { size: 10, bits: 32, mesh: true, victim: 'survives' },
    { size: 10, bits: 32, mesh: true, victim: 'is late' },
  ] as const)('is uniform: $size members, $bits bits, mesh $mesh, the victim $victim', async (scene) => {
    const observer = await observe(scene);
    expect(observer.shares).toHaveLength(attemptPlan(observer.parameters).graph.threshold - 1);
    const { vector, taken } = await stripped(observer);
    // It did take off what it could: the self mask, or all masks that are shared with others.
    expect(taken).toBe(
      scene.victim === 'survives' ? 1 + observer.shares.length : observer.parameters.cohort.length - 1,
    );
    expect(chiSquares(vector, observer.parameters.ring)).toSatisfy(isUniform);
  });

  test('is uniform in what is sent to each owner', async () => {
    const { round, parameters } = await observe({ size: 6, bits: 16, mesh: true, victim: 'survives' });
    const { length } = sliceLengths(parameters);
    round.masked.get(VICTIM)!.slices.forEach((slice, c) => {
      const vector = unpackRing(slice, length(c), parameters.ring);
      expect(chiSquares(vector, parameters.ring)).toSatisfy(isUniform);
    });
  });

  test.each([
    { leak: 'both shares', victim: 'survives' },
    { leak: 'both shares', victim: 'is late' },
    { leak: 'seed used by two', victim: 'is late' },
    { leak: 'float masks', victim: 'survives' },
    { leak: 'float masks', victim: 'is late' },
  ] as const)('is not, where a leak was planted: $leak, the victim $victim', async (planted) => {
    const observer = await observe({ size: 6, bits: 16, mesh: true, ...planted });
    const { vector } = await stripped(observer);
    expect(chiSquares(vector, observer.parameters.ring)).not.toSatisfy(isUniform);
    if (planted.leak !== 'float masks') expect([...vector.subarray(0, 3)]).toEqual([7, 7, 7]);
  });
});

describe('never both kinds of share of one dealer', () => {
  test('each member reveals one share of each dealer, of the kind that its fate asks for', async () => {
    for (const leaving of [{}, { slices: [2, 5] }, { count: [VICTIM] }]) {
      const cohort = makeCohort({ size: 8, mesh: true });
      const round = await playRound(cohort, webSuite(crypto), leaving);
      for (const [holder, { shares }] of round.reveals) {
        expect(shares.map(({ dealer }) => dealer)).toEqual(round.dealers);
        for (const { dealer, share } of shares) {
          const committed = round.bundles.get(cohort.parameters.cohort.indexOf(dealer))!.shares;
          const isOf = (kind: 'self' | 'mask') =>
            isCommitted(cohort.parameters, committed, cohort.parameters.cohort[holder]!, kind, share);
          expect([isOf('self'), isOf('mask')]).toEqual(
            round.survivors.includes(dealer) ? [true, false] : [false, true],
          );
        }
      }
    }
  });

  /**
   * A lying coordinator tells some of the honest that the victim survived and the others that it did not; colluders
   * confirm both. @returns how many shares of each kind it has in the end, those of its colluders counted.
   */
  async function splitView(size: number, colluding: number, told: number) {
    const cohort = makeCohort({ size });
    const { parameters, identities } = cohort;
    const everyone = identities.map((_, i) => i);
    const round = await playRound(cohort, webSuite(crypto), { confirm: everyone });
    const honest = everyone.slice(0, size - colluding);
    const views = [parameters.cohort, parameters.cohort.filter((_, i) => i !== VICTIM)];
    // The victim itself is asked about survivors that it belongs to.
    const order = [VICTIM, ...honest.filter((i) => i !== VICTIM)];
    const viewOf = (i: number) => (order.indexOf(i) < told ? 0 : 1);
    const confirmations = await Promise.all(
      views.map(async (survivors, view) => {
        const digest = survivorDigest(parameters, round.adverts, round.dealers, survivors);
        const forged = everyone.slice(size - colluding).map(async (i) => {
          const unsigned = { participant: parameters.cohort[i]!, digests: new Uint8Array(16) };
          const signature = await identities[i]!.sign(confirmationBytes(parameters, digest, unsigned));
          return { ...unsigned, signature };
        });
        const own = honest
          .filter((i) => viewOf(i) === view)
          .map(async (i) => (await round.members[i]!.confirm(survivors)).confirmation);
        return Promise.all([...own, ...forged]);
      }),
    );
    const counts = { self: colluding, mask: colluding };
    for (const i of honest) {
      // It also tries the confirmations of the other view.
      for (const heard of [confirmations[viewOf(i)]!, confirmations.flat()]) {
        const revealed = await round.members[i]!.reveal(heard).catch((error: unknown) => error);
        if (revealed instanceof Error) {
          expect(revealed).toMatchObject({ code: expect.stringMatching(/^secagg\./) });
          continue;
        }
        const { shares } = revealed as { shares: { dealer: ParticipantId; share: Bytes }[] };
        const { share } = shares.find(({ dealer }) => dealer === parameters.cohort[VICTIM])!;
        const committed = round.bundles.get(VICTIM)!.shares;
        const isSelf = isCommitted(parameters, committed, parameters.cohort[i]!, 'self', share);
        counts[isSelf ? 'self' : 'mask']++;
        break;
      }
    }
    return { ...counts, threshold: attemptPlan(parameters).graph.threshold };
  }

  test('nor to a coordinator that tells two stories, with fewer than 2t − n colluders', async () => {
    // Of seven, five are needed, and 2 · 5 − 7 = 3: two colluders gain nothing however the others are split.
    for (let told = 1; told <= 5; told++) {
      const { self, mask, threshold } = await splitView(7, 2, told);
      expect(Math.min(self, mask)).toBeLessThan(threshold);
    }
  });

  test('which is the limit: with 2t − n colluders that lie as well, it has both', async () => {
    const { self, mask, threshold } = await splitView(7, 3, 2);
    expect(Math.min(self, mask)).toBe(threshold);
  });
});
