import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import {
  advertBytes,
  type CryptoSuite,
  commitmentsBytes,
  confirmationBytes,
  type KeyAdvert,
  type SecureParameters,
  signSum,
  survivorDigest,
} from '../secagg/index.ts';
import type { Message, MessageOf, MessageType } from '../wire/index.ts';
import type { Said, World } from './session-world.ts';
import { toySignature } from './toy-suite.ts';

export type Phase =
  | 'keys'
  | 'shares'
  | 'training'
  | 'masked input'
  | 'survivors'
  | 'reveal'
  | 'sum'
  | 'apply';

/** What a liar knows: everything. */
export interface Scene {
  readonly world: World;
  readonly liar: NodeId;
  /** What engines said of this type so far, in order. */
  said<T extends MessageType>(type: T, from?: NodeId): readonly MessageOf<T>[];
  /** What the liar's attempt is bound to. */
  parameters(): SecureParameters;
  wait(delayMs: number): Promise<void>;
}

/** One way of not telling the truth in one phase. */
export interface Lie {
  readonly phase: Phase;
  /** After "it". */
  readonly words: string;
  readonly in?: 'mesh' | 'server';
  /** One of these is named by somebody else; none where nobody can tell, or nobody is harmed. */
  readonly codes: readonly string[];
  tell(message: Message, to: NodeId, scene: Scene): Said | Promise<Said>;
  /** What its own engine must hear instead, or it would notice its own lie. */
  readonly hears?: (message: Message, scene: Scene) => Message;
  readonly cheat?: (honest: CryptoSuite) => CryptoSuite;
  /** Also leaves, as soon as somebody says this. */
  readonly leavesAt?: MessageType;
}

function lie<T extends MessageType>(
  phase: Phase,
  words: string,
  codes: readonly string[],
  type: T,
  tell: (message: MessageOf<T>, to: NodeId, scene: Scene) => Said | Promise<Said>,
  more: Omit<Partial<Lie>, 'phase' | 'words' | 'codes' | 'tell'> = {},
): Lie {
  return {
    phase,
    words,
    codes,
    tell: (message, to, scene) =>
      message.type === type ? tell(message as MessageOf<T>, to, scene) : message,
    ...more,
  };
}

type Bytes = Uint8Array<ArrayBuffer>;

function flipped(bytes: Bytes, at = 0): Bytes {
  const copy = bytes.slice();
  copy[at]! ^= 1;
  return copy;
}

function readvertised(
  message: MessageOf<'keys'>,
  change: Partial<KeyAdvert>,
  scene: Scene,
): MessageOf<'keys'> {
  const advert = { ...message.advert, ...change };
  const signature = toySignature(advert.identityKey, advertBytes(scene.parameters(), advert));
  return { ...message, advert: { ...advert, signature } };
}

function recommitted(message: MessageOf<'shares'>, commitments: Bytes, scene: Scene): MessageOf<'shares'> {
  const { identityKey } = scene.said('keys', scene.liar).at(-1)!.advert;
  const shares = { dealer: message.shares.dealer, commitments };
  const signature = toySignature(identityKey, commitmentsBytes(scene.parameters(), shares));
  return { ...message, shares: { ...shares, signature } };
}

/** A participant's lies. */
export const PARTICIPANT_LIES: readonly Lie[] = [
  // keys are fresh, its own and signed.
  lie('keys', 'signs its keys wrongly', ['secagg.bad-signature'], 'keys', (message) => ({
    ...message,
    advert: { ...message.advert, signature: flipped(message.advert.signature) },
  })),
  lie(
    'keys',
    'replays its keys of an earlier attempt',
    ['secagg.bad-signature'],
    'keys',
    (message, _to, scene) => ({
      ...message,
      advert: scene.said('keys', scene.liar)[0]!.advert,
    }),
  ),
  lie('keys', "sends another's signed keys", ['wire.malformed'], 'keys', async (message, _to, scene) => {
    await scene.wait(3);
    return { ...message, advert: otherKeys(scene) };
  }),
  lie('keys', "signs another's keys as its own", ['secagg.bad-key'], 'keys', async (message, _to, scene) => {
    await scene.wait(3);
    const { maskKey, cipherKey } = otherKeys(scene);
    return readvertised(message, { maskKey, cipherKey }, scene);
  }),
  lie('keys', 'has one key for both purposes', ['secagg.bad-key'], 'keys', (message, _to, scene) =>
    readvertised(message, { cipherKey: message.advert.maskKey }, scene),
  ),
  lie('keys', 'has a key of small order', ['secagg.bad-key'], 'keys', (message, _to, scene) =>
    readvertised(message, { maskKey: new Uint8Array(32) }, scene),
  ),
  lie('keys', 'claims a weight of 4,000,000,000', ['update.overflow'], 'keys', (message, _to, scene) =>
    readvertised(message, { weight: 4_000_000_000 }, scene),
  ),
  lie('keys', 'claims no weight', ['argument.invalid', 'update.overflow'], 'keys', (message, _to, scene) =>
    readvertised(message, { weight: 0 }, scene),
  ),
  lie('keys', 'sends two different sets of keys', ['secagg.inconsistent'], 'keys', (message, _to, scene) => [
    message,
    readvertised(message, { weight: message.advert.weight + 1 }, scene),
  ]),

  // shares are sealed and committed to. A-23: secrets are those that were committed to or advertised.
  lie('shares', 'signs its commitments wrongly', ['secagg.bad-signature'], 'shares', (message) => ({
    ...message,
    shares: { ...message.shares, signature: flipped(message.shares.signature) },
  })),
  lie('shares', 'puts garbage into every box', ['secagg.bad-share'], 'shares', (message) => ({
    ...message,
    boxes: message.boxes.map(({ to, box }) => ({ to, box: flipped(box, 5) })),
  })),
  lie('shares', 'puts garbage into one box', ['secagg.bad-share'], 'shares', (message) => ({
    ...message,
    boxes: message.boxes.map(({ to, box }, i) => ({ to, box: i === 0 ? flipped(box, 5) : box })),
  })),
  lie('shares', 'leaves a box out', ['wire.malformed'], 'shares', (message) => ({
    ...message,
    boxes: message.boxes.slice(1),
  })),
  lie(
    'shares',
    'commits to other shares than it deals',
    ['secagg.bad-share'],
    'shares',
    (message, _to, scene) =>
      recommitted(
        message,
        message.shares.commitments.map((byte) => byte ^ 1),
        scene,
      ),
  ),
  lie('shares', 'commits to too few shares', ['secagg.bad-share'], 'shares', (message, _to, scene) =>
    recommitted(message, message.shares.commitments.slice(16), scene),
  ),
  lie(
    'shares',
    'deals shares of another self-mask seed',
    ['secagg.bad-share'],
    'shares',
    (message, _to, scene) => {
      // The commitment to the seed follows those to the shares; after it comes that to the seed of check keys.
      const { commitments } = message.shares;
      return recommitted(message, flipped(commitments, commitments.length - 32), scene);
    },
    { hears: ownCommitments },
  ),
  lie(
    'shares',
    'deals shares of another check key',
    ['secagg.bad-share'],
    'shares',
    (message, _to, scene) => {
      const { commitments } = message.shares;
      return recommitted(message, flipped(commitments, commitments.length - 16), scene);
    },
  ),
  lie(
    'shares',
    'deals shares of another mask key, and leaves before its slices',
    ['secagg.bad-share'],
    'slice',
    () => undefined,
    { cheat: decoyKeys, leavesAt: 'slice' },
  ),
  lie('shares', 'sends two different bundles', ['secagg.inconsistent'], 'shares', (message, _to, scene) => [
    message,
    recommitted(message, flipped(message.shares.commitments), scene),
  ]),

  // another ring or length. A-14: wrong check words. A-42: the deputy's slice.
  lie('masked input', 'sends slices of a wider ring', ['secagg.wrong-ring'], 'slice', (message) => ({
    ...message,
    values: new Uint8Array(message.values.length * 2),
  })),
  lie('masked input', 'sends slices that are too short', ['secagg.wrong-ring'], 'slice', (message) => ({
    ...message,
    values: message.values.slice(4),
  })),
  lie('masked input', 'sends slices of another round', [], 'slice', (message) => ({
    ...message,
    attempt: { ...message.attempt, round: message.attempt.round + 1 },
  })),
  lie('masked input', 'cuts its vector into other slices', ['update.wrong-length'], 'slice', (message) => ({
    ...message,
    count: message.count + 1,
  })),
  lie('masked input', 'sends two different slices', ['round.conflicting-slice'], 'slice', (message) => [
    message,
    { ...message, values: flipped(message.values) },
  ]),
  lie(
    'masked input',
    'sends slices without the right check words',
    ['secagg.check-failed'],
    'slice',
    (message) => ({
      ...message,
      values: flipped(message.values),
    }),
  ),
  lie('masked input', 'claims another weight with its slices', [], 'slice', (message) => ({
    ...message,
    weight: message.weight + 1000,
  })),
  lie('masked input', 'says that it sent a slice which it keeps', [], 'slice', (message, to, scene) =>
    to === firstOwner(message, scene) ? undefined : message,
  ),
  lie(
    'masked input',
    'sends its deputy another slice, and leaves once survivors are fixed',
    ['secagg.check-failed', 'round.owner-lost'],
    'slice',
    (message, to, scene) =>
      isToDeputy(message, to, scene) ? { ...message, values: flipped(message.values) } : message,
    { in: 'mesh', leavesAt: 'confirm' },
  ),
  lie(
    'masked input',
    'sends its deputy nothing',
    [],
    'slice',
    (message, to, scene) => (isToDeputy(message, to, scene) ? undefined : message),
    { in: 'mesh' },
  ),

  // one set of survivors is confirmed.
  lie('survivors', 'signs its confirmation wrongly', ['secagg.bad-signature'], 'confirm', (message) => ({
    ...message,
    confirmation: { ...message.confirmation, signature: flipped(message.confirmation.signature) },
  })),
  lie('survivors', 'confirms other survivors', ['secagg.bad-signature'], 'confirm', (message, _to, scene) =>
    reconfirmed(message, scene, {}),
  ),
  lie(
    'survivors',
    'sends two confirmations',
    ['secagg.inconsistent', 'secagg.bad-signature'],
    'confirm',
    (message, _to, scene) => [message, reconfirmed(message, scene, {})],
  ),
  lie('survivors', 'confirms with too few digests', ['secagg.inconsistent'], 'confirm', (message) => ({
    ...message,
    confirmation: { ...message.confirmation, digests: message.confirmation.digests.slice(16) },
  })),
  lie(
    'survivors',
    "sends another's confirmation",
    ['wire.malformed', 'secagg.bad-signature'],
    'confirm',
    async (message, _to, scene) => {
      await scene.wait(3);
      const others = scene.said('confirm').map(({ confirmation }) => confirmation);
      return {
        ...message,
        confirmation: others.filter(({ participant }) => participant !== scene.liar).at(-1)!,
      };
    },
  ),

  // shares that were not committed to are left out.
  lie('reveal', 'reveals garbage', ['secagg.bad-share'], 'reveal', (message) => ({
    ...message,
    shares: message.shares.map(({ dealer, share }) => ({ dealer, share: flipped(share) })),
  })),
  lie('reveal', 'reveals shares for other survivors', ['secagg.bad-share'], 'reveal', (message) => ({
    ...message,
    digest: flipped(message.digest),
  })),
  lie('reveal', 'reveals each share twice', [], 'reveal', (message) => ({
    ...message,
    shares: [...message.shares, ...message.shares],
  })),
  lie('reveal', 'reveals nothing of two dealers', [], 'reveal', (message) => ({
    ...message,
    shares: message.shares.slice(2),
  })),
  lie(
    'reveal',
    'reveals to some owners only',
    [],
    'reveal',
    (message, to, scene) => (isOdd(to, scene) ? message : undefined),
    { in: 'mesh' },
  ),

  lie('apply', 'says that it computed another model', ['round.diverged'], 'applied', (message) => ({
    ...message,
    hash: 'f'.repeat(64),
  })),
  lie('apply', 'disputes a right sum', ['secagg.check-failed'], 'applied', (message, _to, scene) => {
    const slice = otherSlice(scene);
    const { run, attempt, tally } = message;
    return [
      { type: 'dispute', run, attempt, tally, slices: [slice], owners: [ownerOf(slice, scene)] },
      message,
    ];
  }),
  lie('apply', 'misses sums that it has', [], 'applied', ({ run, attempt, tally }, _to, scene) => ({
    type: 'missing',
    run,
    attempt,
    tally,
    slices: scene.parameters().sliceCount === 1 ? [0] : [0, 1, 2, 3, 4],
  })),
];

/** What an owner can lie about: sums, and what it was sent. */
export const OWNER_LIES: readonly Lie[] = [
  lie(
    'masked input',
    'accuses an honest participant of two slices',
    ['round.conflicting-slice'],
    'uploaded',
    ({ run, attempt, ...rest }, _to, scene) => [
      { run, attempt, ...rest },
      { type: 'reject', run, attempt, participant: otherId(scene), code: 'round.conflicting-slice' },
    ],
    { in: 'mesh' },
  ),
  lie(
    'survivors',
    'accuses an honest participant of a bad share',
    ['secagg.bad-share'],
    'confirm',
    ({ run, attempt, ...rest }, _to, scene) => [
      { run, attempt, ...rest },
      { type: 'reject', run, attempt, participant: otherId(scene), code: 'secagg.bad-share' },
    ],
    { in: 'mesh' },
  ),
  // sums are of exactly the survivors, signed, and checked.
  lie('sum', 'publishes a wrong sum', ['secagg.check-failed'], 'sum', (message, _to, scene) =>
    resigned(message, { values: flipped(message.values) }, scene),
  ),
  lie('sum', 'publishes two different sums', ['secagg.check-failed'], 'sum', (message, to, scene) =>
    isOdd(to, scene) ? message : resigned(message, { values: flipped(message.values) }, scene),
  ),
  lie('sum', 'publishes a sum over fewer', ['secagg.check-failed'], 'sum', (message, _to, scene) =>
    resigned(message, { digests: message.proof!.digests.slice(16), values: flipped(message.values) }, scene),
  ),
  lie('sum', 'publishes a sum of another weight', ['secagg.check-failed'], 'sum', (message) => ({
    ...message,
    weight: message.weight + 1,
  })),
  lie('sum', 'proves nothing', ['secagg.check-failed'], 'sum', (message) => ({ ...message, proof: null })),
  lie('sum', 'signs its sum wrongly', ['secagg.check-failed'], 'sum', (message) => ({
    ...message,
    proof: { ...message.proof!, signature: flipped(message.proof!.signature) },
  })),
  lie(
    'sum',
    'names other digests than of what it was sent',
    ['secagg.check-failed'],
    'sum',
    (message, _to, scene) =>
      resigned(message, { digests: message.proof!.digests.map((byte) => byte ^ 1) }, scene),
  ),
  lie('sum', 'publishes a sum that is too short', ['secagg.wrong-ring'], 'sum', (message) => ({
    ...message,
    values: message.values.slice(4),
  })),
  lie('sum', 'publishes a sum of a slice that is not', ['wire.malformed'], 'sum', (message) => ({
    ...message,
    slice: 99,
  })),
  lie('sum', 'publishes nothing', [], 'sum', () => undefined),
  lie('sum', 'publishes to some only', [], 'sum', (message, to, scene) =>
    isOdd(to, scene) ? message : undefined,
  ),
];

/** A coordinator's lies. */
export const COORDINATOR_LIES: readonly Lie[] = [
  lie('keys', 'puts its own key under an advert', ['secagg.bad-signature'], 'roster', (message, to) => ({
    ...message,
    adverts: message.adverts.map((advert, i) =>
      i === 0 && advert.participant !== to ? { ...advert, maskKey: flipped(advert.maskKey, 1) } : advert,
    ),
  })),
  lie('keys', 'changes the weight in an advert', ['secagg.bad-signature'], 'roster', (message, to) => ({
    ...message,
    adverts: message.adverts.map((advert) =>
      advert.participant === to ? advert : { ...advert, weight: advert.weight + 1 },
    ),
  })),
  lie('keys', 'hides one advert from some', ['round.too-few-participants'], 'roster', (message, to, scene) =>
    isOdd(to, scene) ? message : { ...message, adverts: without(message.adverts, to) },
  ),
  lie('keys', 'hides two adverts from all', ['secagg.below-threshold'], 'roster', (message, to) => ({
    ...message,
    adverts: without(without(message.adverts, to), to),
  })),
  lie(
    'keys',
    'hands out one advert twice',
    ['secagg.inconsistent', 'secagg.bad-key'],
    'roster',
    (message) => ({
      ...message,
      adverts: [...message.adverts.slice(0, -1), message.adverts[0]!],
    }),
  ),
  lie('keys', 'shows someone its own advert changed', ['secagg.inconsistent'], 'roster', (message, to) => ({
    ...message,
    adverts: message.adverts.map((advert) =>
      advert.participant === to ? { ...advert, weight: advert.weight + 1 } : advert,
    ),
  })),

  lie(
    'shares',
    'names other dealers to some',
    ['secagg.bad-signature', 'secagg.below-threshold', 'secagg.inconsistent'],
    'inbox',
    (message, to, scene) => {
      const gone = message.dealers.find((id) => id !== to)!;
      return isOdd(to, scene) || to === SERVER
        ? message
        : {
            ...message,
            dealers: message.dealers.filter((id) => id !== gone),
            boxes: message.boxes.filter(({ dealer }) => dealer !== gone),
            shares: message.shares.filter(({ dealer }) => dealer !== gone),
          };
    },
  ),
  lie('shares', 'tampers with a box', ['secagg.bad-share'], 'inbox', (message) => ({
    ...message,
    boxes: message.boxes.map(({ dealer, box }, i) => ({ dealer, box: i === 0 ? flipped(box, 40) : box })),
  })),
  lie('shares', 'exchanges two boxes', ['secagg.bad-share'], 'inbox', (message) => {
    const [first, second, ...rest] = message.boxes;
    if (first === undefined || second === undefined) return message;
    return {
      ...message,
      boxes: [{ dealer: first.dealer, box: second.box }, { dealer: second.dealer, box: first.box }, ...rest],
    };
  }),
  lie('shares', 'holds a box back', ['secagg.inconsistent'], 'inbox', (message) => ({
    ...message,
    boxes: message.boxes.slice(1),
  })),
  lie(
    'shares',
    'tampers with commitments',
    ['secagg.bad-signature', 'secagg.inconsistent'],
    'inbox',
    (message) => ({
      ...message,
      shares: message.shares.map((shares) => ({ ...shares, commitments: flipped(shares.commitments) })),
    }),
  ),
  lie(
    'shares',
    'hides commitments',
    ['secagg.inconsistent', 'secagg.below-threshold'],
    'inbox',
    (message) => ({
      ...message,
      shares: message.shares.slice(1),
    }),
  ),

  // one set of survivors, and nothing revealed before enough confirmed it. A-31 is the threshold.
  lie('survivors', 'announces two sets of survivors', ['secagg.inconsistent'], 'plan', (message, to) => {
    const { plan } = message;
    if (plan.survivors === null) return message;
    const survivors = plan.survivors.filter((id, i) => i > 0 || id === to);
    return [message, { ...message, plan: { ...plan, revision: plan.revision + 1, survivors } }];
  }),
  lie(
    'survivors',
    'announces different survivors to each half',
    ['secagg.bad-signature', 'secagg.below-threshold'],
    'plan',
    (message, to, scene) => {
      const { plan } = message;
      if (plan.survivors === null || isOdd(to, scene)) return message;
      const gone = plan.survivors.find((id) => id !== to);
      return { ...message, plan: { ...plan, survivors: plan.survivors.filter((id) => id !== gone) } };
    },
  ),
  lie(
    'survivors',
    'announces other survivors once confirmations are in',
    ['secagg.inconsistent', 'secagg.already-revealed'],
    'confirmed',
    (message, to, scene) => {
      const known = scene.said('plan', scene.liar).at(-1)!;
      const { plan } = known;
      const survivors = plan.survivors!.filter((id, i) => i > 0 || id === to);
      const other = { ...known, plan: { ...plan, revision: plan.revision + 1, survivors } };
      return [message, other, message];
    },
  ),
  lie('survivors', 'announces two survivors', ['secagg.below-threshold'], 'plan', (message, to) => {
    const { plan } = message;
    if (plan.survivors === null) return message;
    const other = plan.survivors.find((id) => id !== to)!;
    return {
      ...message,
      plan: { ...plan, survivors: plan.survivors.filter((id) => id === to || id === other) },
    };
  }),
  lie('survivors', 'announces survivors in another order', ['secagg.inconsistent'], 'plan', (message) => {
    const { plan } = message;
    return { ...message, plan: { ...plan, survivors: plan.survivors && [...plan.survivors].reverse() } };
  }),
  lie('survivors', 'forges a confirmation', [], 'confirmed', (message, to) => ({
    ...message,
    confirmations: message.confirmations.map((each, i) =>
      i === 0 && each.participant !== to ? { ...each, signature: flipped(each.signature) } : each,
    ),
  })),
  lie('survivors', 'forges all confirmations', ['secagg.bad-signature'], 'confirmed', (message) => ({
    ...message,
    confirmations: message.confirmations.map((each) => ({ ...each, signature: flipped(each.signature) })),
  })),
  lie(
    'survivors',
    'passes on fewer confirmations than the threshold',
    ['secagg.below-threshold'],
    'confirmed',
    (message) => ({
      ...message,
      confirmations: message.confirmations.slice(0, 2),
    }),
  ),
  lie(
    'survivors',
    'passes on one confirmation many times',
    ['secagg.below-threshold'],
    'confirmed',
    (message) => ({
      ...message,
      confirmations: message.confirmations.map(() => message.confirmations[0]!),
    }),
  ),

  lie('apply', 'commits a model that nobody computed', ['round.diverged'], 'commit', (message) => ({
    ...message,
    record: { ...message.record, hash: 'f'.repeat(64) },
  })),
];

/** The commitments that its engine made. */
function ownCommitments(message: Message, { liar, said }: Scene): Message {
  if (message.type !== 'inbox') return message;
  const own = said('shares', liar).at(-1)!.shares;
  return { ...message, shares: message.shares.map((shares) => (shares.dealer === liar ? own : shares)) };
}

function otherId({ world, liar }: Scene): ParticipantId {
  return world.ids.find((id) => id !== liar)!;
}

function otherKeys(scene: Scene): KeyAdvert {
  return scene.said('keys', otherId(scene)).at(-1)!.advert;
}

function ownersOf({ world, liar }: Scene): readonly NodeId[] {
  return world.nodes.get(liar)?.state.participant?.attempt?.plan.owners ?? [SERVER];
}

function ownerOf(slice: number, scene: Scene): NodeId {
  return ownersOf(scene)[slice]!;
}

/** A slice that the liar does not own. */
function otherSlice(scene: Scene): number {
  return Math.max(
    0,
    ownersOf(scene).findIndex((owner) => owner !== scene.liar),
  );
}

/** The owner of the first slice that the liar has to send. */
function firstOwner(message: MessageOf<'slice'>, scene: Scene): NodeId | undefined {
  return message.slice === otherSlice(scene) ? ownerOf(message.slice, scene) : undefined;
}

function isToDeputy(message: MessageOf<'slice'>, to: NodeId, { world, liar }: Scene): boolean {
  return world.ids[message.slice] === liar && to !== liar;
}

function isOdd(id: NodeId, { world }: Scene): boolean {
  return id !== SERVER && world.ids.indexOf(id) % 2 === 1;
}

/** Without the first of someone else. */
function without<T extends { readonly participant: ParticipantId }>(items: readonly T[], to: NodeId): T[] {
  const gone = items.find(({ participant }) => participant !== to);
  return items.filter((item) => item !== gone);
}

/** A confirmation, rightly signed, of survivors without one of the others. */
function reconfirmed(
  message: MessageOf<'confirm'>,
  scene: Scene,
  change: Partial<MessageOf<'confirm'>['confirmation']>,
): MessageOf<'confirm'> {
  const parameters = scene.parameters();
  const adverts = parameters.cohort.flatMap((id) => {
    const said = scene.said('keys', id).at(-1);
    return said === undefined ? [] : [said.advert];
  });
  const ids = adverts.map(({ participant }) => participant);
  const digest = survivorDigest(
    parameters,
    adverts,
    ids,
    ids.filter((id) => id !== otherId(scene)),
  );
  const confirmation = { ...message.confirmation, ...change };
  const { identityKey } = adverts.find(({ participant }) => participant === scene.liar)!;
  const signature = toySignature(identityKey, confirmationBytes(parameters, digest, confirmation));
  return { ...message, confirmation: { ...confirmation, signature } };
}

/** A sum with other values or digests, rightly signed. */
async function resigned(
  message: MessageOf<'sum'>,
  change: { readonly values?: Bytes; readonly digests?: Bytes },
  scene: Scene,
): Promise<MessageOf<'sum'>> {
  const proof = message.proof!;
  const values = change.values ?? message.values;
  const digests = change.digests ?? proof.digests;
  const identity = {
    id: scene.liar as ParticipantId,
    publicKey: proof.identityKey,
    sign: async (bytes: Uint8Array) => toySignature(proof.identityKey, bytes),
  };
  const sum = { parameters: scene.parameters(), slice: message.slice, values, digests };
  const signature = await signSum(identity, sum);
  return { ...message, values, proof: { ...proof, digests, signature } };
}

/** Key pairs whose secret, as it is shared out, is another than the one that the owner agrees with. */
function decoyKeys(honest: CryptoSuite): CryptoSuite {
  const real = new Map<string, Bytes>();
  return {
    ...honest,
    async createAgreementKeys() {
      const { secret, publicKey } = await honest.createAgreementKeys();
      const decoy = flipped(secret, 3);
      real.set(decoy.join(), secret.slice());
      return { secret: decoy, publicKey };
    },
    agree: (secret, publicKey) => honest.agree(real.get(secret.join()) ?? secret, publicKey),
  };
}
