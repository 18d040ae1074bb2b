import { check, type ErrorRecord, toErrorRecord } from '../errors/index.ts';
import type { NodeId, ParticipantId } from '../identity/index.ts';
import {
  type CryptoSuite,
  type KeyAdvert,
  type SecureParameters,
  sameBytes,
  survivorDigest,
  verifyAdvert,
  verifyCommitments,
  verifyConfirmation,
} from '../secagg/index.ts';
import type { Message } from '../wire/index.ts';
import type { RoundState } from './coordinator/state.ts';
import { attemptTag, compareAttempts } from './effects.ts';

/**
 * Checks signatures before a coordinator's machine hears a message: the machine is pure and WebCrypto is not.
 * Participants check again what the coordinator passes on.
 */
export interface Doorkeeper {
  /** @returns undefined at once for what needs no check; else what is wrong, or undefined when nothing is. */
  inspect(from: NodeId, message: Message, round: RoundState): Promise<ErrorRecord | undefined> | undefined;
}

/** What was found good, of one attempt. */
interface Known {
  readonly tag: string;
  readonly adverts: Map<ParticipantId, KeyAdvert>;
  /** U1. */
  roster: Iterable<ParticipantId>;
}

/**
 * @param parametersOf what the attempt of a round is bound to.
 * @param maxWeight of one participant: nobody can look under a mask for more.
 */
export function createDoorkeeper(
  parametersOf: (round: RoundState) => SecureParameters,
  maxWeight: number,
  suite: CryptoSuite,
): Doorkeeper {
  let known: Known = { tag: '', adverts: new Map(), roster: [] };

  async function verify(from: NodeId, message: Message, round: RoundState): Promise<void> {
    const tag = attemptTag(round.attempt);
    if (known.tag !== tag) known = { tag, adverts: new Map(), roster: [] };
    const { adverts } = known;
    const stage = round.secure?.stage;
    if (stage?.name === 'shares') known.roster = stage.roster;
    const parameters = parametersOf(round);
    const identityKey = adverts.get(from as ParticipantId)?.identityKey;
    switch (message.type) {
      case 'keys':
        await verifyAdvert(parameters, message.advert, suite);
        checkAdvert(message.advert, adverts.values(), maxWeight);
        // The first counts, here as with the coordinator: survivors are confirmed over its digest.
        if (!adverts.has(from as ParticipantId)) adverts.set(from as ParticipantId, message.advert);
        return;
      case 'shares':
        if (identityKey !== undefined)
          await verifyCommitments(parameters, message.shares, identityKey, suite);
        return;
      case 'confirm': {
        const { survivors } = round.plan;
        if (identityKey === undefined || survivors === null || stage?.name !== 'confirming') return;
        const roster = [...known.roster].map((id) => adverts.get(id)!);
        const digest = survivorDigest(parameters, roster, stage.dealers, survivors);
        await verifyConfirmation(parameters, message.confirmation, identityKey, digest, suite);
      }
    }
  }

  return {
    inspect(from, message, round) {
      if (message.type !== 'keys' && message.type !== 'shares' && message.type !== 'confirm')
        return undefined;
      if (compareAttempts(message.attempt, round.attempt) !== 0) return undefined;
      return verify(from, message, round).then(
        () => undefined,
        (thrown: unknown) => toErrorRecord(thrown),
      );
    },
  };
}

/**
 * What would make everyone else refuse the roster, or let one participant outweigh all. SPEC.
 * @throws `secagg.bad-key`, `update.overflow`.
 */
function checkAdvert(
  { participant, maskKey, cipherKey, weight }: KeyAdvert,
  known: Iterable<KeyAdvert>,
  maxWeight: number,
): void {
  const taken = [...known].flatMap((other) =>
    other.participant === participant ? [] : [other.maskKey, other.cipherKey],
  );
  check(
    !sameBytes(maskKey, cipherKey) &&
      !taken.some((key) => sameBytes(key, maskKey) || sameBytes(key, cipherKey)),
    'secagg.bad-key',
    'Two participants, or two purposes, have one key.',
    { path: participant, expected: 'fresh keys of its own' },
  );
  check(weight <= maxWeight, 'update.overflow', 'A participant claims too large a weight.', {
    path: participant,
    expected: `at most ${maxWeight}`,
    received: String(weight),
  });
}
