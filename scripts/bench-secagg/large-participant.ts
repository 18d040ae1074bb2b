import { createNobleIdentity, SERVER } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { type CryptoSuite, SLICE_DIGEST_BYTES, signSum } from '../../shared/secagg/index.ts';
import type { SecureResult } from '../../shared/session/effects.ts';
import { createSecureHost } from '../../shared/session/secure-host.ts';
import { type NoisedUpdate, staged } from '../../shared/update/index.ts';
import { confirmationsFor, inboxFor, type LargeCohort } from './large-cohort.ts';
import {
  type Phase,
  PhaseClock,
  type PhaseMs,
  type PublishedSum,
  type StepOf,
  taken,
  wrongSums,
} from './round.ts';
import type { PeerMail } from './traffic.ts';

/** The one real participant: the first, who never leaves. */
const SELF = 0;

/** One attempt of one participant among a thousand. */
export async function playParticipant(
  large: LargeCohort,
  left: ReadonlySet<number>,
  suite: CryptoSuite,
  values: Int32Array<ArrayBuffer>,
  nowMs: () => number,
): Promise<{ readonly timing: PhaseMs; readonly mail: PeerMail }> {
  const { plan, identities } = large;
  const parameters = { ...large.parameters };
  const { cohort } = parameters;
  const survivors = cohort.filter((_, i) => !left.has(i));
  const clock = new PhaseClock(1, nowMs);
  const host = createSecureHost({ identity: identities[SELF]!, suite }, webCryptoRandom(globalThis.crypto));
  const step = <N extends Phase & SecureResult['name']>(name: N, request: Omit<StepOf<N>, 'name'>) =>
    clock.time(0, name, () => taken<N>(host, { name, ...request } as StepOf<N>));
  try {
    const { advert } = await step('advertise', { parameters, weight: 1 });
    const roster = plan.holdersOf(SELF).map((i) => (i === SELF ? advert : large.adverts[i]!));
    const { bundle } = await step('share', { adverts: roster });
    const inbox = await inboxFor(large, SELF, advert, suite);
    await step('open', { inbox });
    const { update, digests } = await step('mask', {
      update: staged<NoisedUpdate>({ layoutHash: '', values, weight: 1 }),
    });
    const { confirmation } = await step('confirm', { survivors });
    const confirmed = [confirmation, ...(await confirmationsFor(large, SELF, left, survivors))];
    const reveal = await step('reveal', { confirmations: confirmed });
    const told = new Map(confirmed.map((one) => [one.participant, one.digests]));
    told.set(cohort[SELF]!, digests);
    const listed = survivors.map((id) => told.get(id));
    const sums = [await publish(parameters, update.slices[0]!, listed)];
    const wrong = await clock.time(0, 'verify', () => wrongSums(host, parameters, sums, survivors));
    if (wrong.length > 0) throw new Error('A right sum was disputed.');
    const { slices } = update;
    const mail = { parameters, index: SELF, advert, roster, bundle, inbox, slices, confirmation, confirmed };
    return { timing: clock.of(0), mail: { ...mail, reveal, sums } };
  } finally {
    host.close();
  }
}

/** Something that passes for the server's sum: a sum of a k-regular cohort has no check words. */
async function publish(
  parameters: LargeCohort['parameters'],
  values: Uint8Array<ArrayBuffer>,
  /** What survivors confirmed; only the neighbours' is known. */
  confirmed: readonly (Uint8Array<ArrayBuffer> | undefined)[],
): Promise<PublishedSum> {
  const server = createNobleIdentity(webCryptoRandom(globalThis.crypto));
  const digests = new Uint8Array(SLICE_DIGEST_BYTES * confirmed.length);
  confirmed.forEach((digest, i) => {
    if (digest !== undefined) digests.set(digest, i * SLICE_DIGEST_BYTES);
  });
  const signature = await signSum(server, { parameters, slice: 0, values, digests });
  return { owner: SERVER, values, proof: { digests, identityKey: server.publicKey, signature } };
}
