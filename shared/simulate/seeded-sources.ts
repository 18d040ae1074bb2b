import type { Federation } from '../federation/index.ts';
import { type Identity, nobleIdentity, type ParticipantId, type SERVER } from '../identity/index.ts';
import { type CryptoRandom, type SeededRandom, seededRandom } from '../random/index.ts';
import type { SessionNode } from '../session/index.ts';

/** What nodes draw by chance elsewhere, and a simulation from its seed. */

/** As long as a real participant's id. */
export function participantName(client: number): ParticipantId {
  return `client-${String(client).padStart(15, '0')}` as ParticipantId;
}

/** Where sums are masked, nodes sign what they say, with keys that follow from the seed. */
export function createIdentities(
  { privacy }: Federation,
  seed: string,
): (who: number | typeof SERVER) => Identity | undefined {
  if (privacy.secureAggregation === 'none') return () => undefined;
  return (who) => {
    const random = seededRandom(seed).fork(`identity ${who}`);
    return nobleIdentity(bytesFrom(random, 32));
  };
}

/**
 * Stands in for the cryptographic generator of a node. What it gives depends on what it is drawn for, not on how
 * often it was asked before: so a simulation that goes on draws what an uninterrupted one would have.
 */
export function drawRandom(seed: string, purpose: () => string): CryptoRandom {
  const root = seededRandom(seed);
  return { kind: 'crypto', bytes: (length) => bytesFrom(root.fork(purpose()), length) };
}

/**
 * Stands in for the generator of a participant, whose noise has to be another one each time: what it gives depends on the round and
 * on how often so many bytes were asked for in it, since events, of which there may be more or less, ask for others.
 */
export function noiseRandom(seed: string, purpose: () => string): CryptoRandom {
  const root = seededRandom(seed);
  let last = '';
  const asked = new Map<number, number>();
  return {
    kind: 'crypto',
    bytes(length) {
      const name = purpose();
      if (name !== last) asked.clear();
      last = name;
      const times = asked.get(length) ?? 0;
      asked.set(length, times + 1);
      return bytesFrom(root.fork(`${name}/${length}/${times}`), length);
    },
  };
}

function bytesFrom(random: SeededRandom, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = random.below(256);
  return bytes;
}

/** Names the round and attempt whose cohort the coordinator's next event may draw. */
export function nextDraw(server: SessionNode): string {
  const { status, model, lastAttempt } = server.state.coordinator!;
  // Within a round, an event either belongs to it or concludes it and draws for the next.
  if (status.name === 'round') return `cohort ${status.rounds[0]!.attempt.round + 1}.0`;
  const round = (model?.version ?? 0) + 1;
  return `cohort ${round}.${lastAttempt?.round === round ? lastAttempt.attempt + 1 : 0}`;
}
