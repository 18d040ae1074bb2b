import { ctr } from '@noble/ciphers/aes.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { type Identity, nobleIdentity, type ParticipantId } from '../identity/index.ts';
import { type CryptoRandom, seededRandom } from '../random/index.ts';
import { attemptPlan } from './attempt-plan.ts';
import { createMember, type Revealed, type SecureMember } from './member.ts';
import type { CryptoSuite } from './suite.ts';
import type {
  Confirmation,
  Inbox,
  KeyAdvert,
  MaskedSlices,
  Reveal,
  Ring,
  SecureParameters,
  ShareBundle,
} from './types.ts';
import { type UnmaskedSlice, type UnmaskJob, unmaskSlice } from './unmask.ts';

/** Bytes that look random and are the same for a seed: in tests only. */
export function repeatableRandom(seed: string): CryptoRandom {
  const key = sha256(utf8ToBytes(seed));
  let drawn = 0;
  return {
    kind: 'crypto',
    bytes(length) {
      const counter = new Uint8Array(16);
      new DataView(counter.buffer).setUint32(0, drawn++);
      return new Uint8Array(ctr(key, counter).encrypt(new Uint8Array(length)));
    },
  };
}

export interface CohortOptions {
  readonly size: number;
  readonly bits?: Ring['bits'];
  readonly vectorLength?: number;
  readonly mesh?: boolean;
  readonly seed?: string;
}

export interface TestCohort {
  readonly parameters: SecureParameters;
  readonly identities: readonly Identity[];
  /** Each member's update: small integers, so that sums fit every ring. */
  readonly updates: readonly Int32Array<ArrayBuffer>[];
}

export function makeCohort(options: CohortOptions): TestCohort {
  const { size, bits = 16, vectorLength = 101, mesh = false, seed = 'cohort' } = options;
  const identities = Array.from({ length: size }, (_, i) =>
    nobleIdentity(new Uint8Array(sha256(utf8ToBytes(`${seed}/${i}`)))),
  );
  const parameters: SecureParameters = {
    context: {
      run: 'run',
      attempt: { term: 1, round: 7, attempt: 2 },
      federationRevision: 3,
      baseHash: '0'.repeat(64),
    },
    cohort: identities.map(({ id }) => id),
    ring: { bits },
    vectorLength,
    sliceCount: mesh ? size : 1,
  };
  const limit = Math.floor((2 ** (bits - 1) - 1) / size);
  const updates = identities.map((_, i) => {
    const random = seededRandom(`${seed}/update/${i}`);
    return Int32Array.from({ length: vectorLength }, () => random.below(2 * limit + 1) - limit);
  });
  return { parameters, identities, updates };
}

/** Who leaves before which step, as indices. */
export interface Leaving {
  readonly keys?: readonly number[];
  readonly shares?: readonly number[];
  readonly slices?: readonly number[];
  /** They sent their slices, but not in time to be counted. */
  readonly count?: readonly number[];
  readonly confirm?: readonly number[];
  readonly reveal?: readonly number[];
}

/** What a member's cryptography comes from. */
export interface Host {
  readonly suite: CryptoSuite;
  readonly random: CryptoRandom;
}

export interface PlayedRound {
  readonly members: readonly SecureMember[];
  readonly adverts: readonly KeyAdvert[];
  readonly bundles: ReadonlyMap<number, ShareBundle>;
  readonly dealers: readonly ParticipantId[];
  readonly masked: ReadonlyMap<number, MaskedSlices>;
  readonly survivors: readonly ParticipantId[];
  readonly confirmations: readonly Confirmation[];
  readonly reveals: ReadonlyMap<number, Revealed>;
  job(slice: number): UnmaskJob;
  unmask(): Promise<UnmaskedSlice[]>;
}

/** One attempt from keys to reveals, as a coordinator would lead it, with nobody lying. */
export async function playRound(
  { parameters, identities, updates }: TestCohort,
  suite: CryptoSuite,
  leaving: Leaving = {},
  hostOf: (index: number) => Host = (i) => ({ suite, random: repeatableRandom(`member/${i}`) }),
): Promise<PlayedRound> {
  const { cohort } = parameters;
  const { graph, holdersOf } = attemptPlan(parameters);
  const members = identities.map((identity, i) => {
    const host = hostOf(i);
    return createMember(parameters, identity, host.suite, host.random);
  });
  let present = cohort.map((_, i) => i);
  const without = (left: readonly number[] = []) => present.filter((i) => !left.includes(i));
  const near = (i: number, j: number) => holdersOf(i).includes(j);

  present = without(leaving.keys);
  const adverts = new Map<number, KeyAdvert>();
  for (const i of present) adverts.set(i, await members[i]!.advertise(10 + i));

  present = without(leaving.shares);
  const bundles = new Map<number, ShareBundle>();
  for (const i of present) {
    const roster = [...adverts].flatMap(([j, advert]) => (near(i, j) ? [advert] : []));
    bundles.set(i, await members[i]!.share(roster));
  }
  const dealers = present.map((i) => cohort[i]!);
  const shares = [...bundles.values()].map((bundle) => bundle.shares);
  const inboxOf = (i: number): Inbox => ({
    dealers,
    boxes: [...bundles].flatMap(([, bundle]) =>
      bundle.boxes
        .filter(({ to }) => to === cohort[i])
        .map(({ box }) => ({ dealer: bundle.shares.dealer, box })),
    ),
    shares: graph.complete ? shares : [],
  });

  present = without(leaving.slices);
  const masked = new Map<number, MaskedSlices>();
  for (const i of present) {
    await members[i]!.open(inboxOf(i));
    masked.set(i, await members[i]!.mask(updates[i]!));
  }
  present = without(leaving.count);
  const survivors = present.map((i) => cohort[i]!);

  present = without(leaving.confirm);
  const confirmations: Confirmation[] = [];
  for (const i of present) confirmations.push((await members[i]!.confirm(survivors)).confirmation);

  present = without(leaving.reveal);
  const reveals = new Map<number, Revealed>();
  for (const i of present) {
    const heard = confirmations.filter(({ participant }) => near(i, cohort.indexOf(participant)));
    reveals.set(i, await members[i]!.reveal(heard));
  }
  const job = (slice: number): UnmaskJob => ({
    parameters,
    slice,
    adverts: [...adverts.values()],
    dealers,
    survivors,
    inputs: [...masked].map(([i, { slices }]) => ({ participant: cohort[i]!, values: slices[slice]! })),
    reveals: [...reveals].map(([i, revealed]): Reveal => ({ holder: cohort[i]!, shares: revealed.shares })),
    shares,
  });
  const unmask = async (): Promise<UnmaskedSlice[]> => {
    const sums: UnmaskedSlice[] = [];
    for (let slice = 0; slice < parameters.sliceCount; slice++)
      sums.push(await unmaskSlice(job(slice), suite));
    return sums;
  };
  return {
    members,
    adverts: [...adverts.values()],
    bundles,
    dealers,
    masked,
    survivors,
    confirmations,
    reveals,
    job,
    unmask,
  };
}
