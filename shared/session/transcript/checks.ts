import type { NodeId, ParticipantId } from '../../identity/index.ts';
import {
  type CryptoSuite,
  neighbourhoodsOf,
  SLICE_DIGEST_BYTES,
  sameBytes,
  survivorDigest,
  verifyAdvert,
  verifyConfirmation,
  verifySum,
} from '../../secagg/index.ts';
import { type GroupEvidence, ofKind, type PublishedSum } from './evidence.ts';
import { absent, ok, type Verdict, wrong } from './finding.ts';

const NO_SURVIVORS = 'This node did not hear who survived.';
const NO_SETUP = 'This node did not hear whose keys and shares were used.';
const NO_SUMS = 'This node heard no sums.';

export async function checkAdverts(
  { adverts, parameters }: GroupEvidence,
  suite: CryptoSuite,
): Promise<Verdict> {
  if (adverts.size === 0) return absent('The attempt ended before keys were exchanged.');
  for (const advert of adverts.values()) await verifyAdvert(parameters, advert, suite);
  return ok(`The keys of ${adverts.size} participants are signed by their devices.`);
}

/** U3 within U2 within U1, and never another U3. */
export function checkSurvivors({
  adverts,
  dealers,
  survivors,
  facts,
  parameters,
  group,
  isCommitted,
  record,
}: GroupEvidence): Verdict {
  if (survivors === null) return absent(NO_SURVIVORS);
  for (const plan of ofKind(facts, 'plan'))
    if (plan.survivors !== null && plan.survivors.join() !== survivors.join())
      return wrong('Two sets of survivors were named: their sums would give away whoever is only in one.');
  // Of several groups a record names the survivors of all.
  const isNamed =
    group === null
      ? record?.survivors.join() === survivors.join()
      : survivors.every((id) => record?.survivors.includes(id));
  if (isCommitted && !isNamed)
    return wrong('The committed record names other survivors than were confirmed.');
  if (dealers === null || adverts.size === 0) return absent(NO_SETUP);
  const { complete } = neighbourhoodsOf(parameters.context, parameters.cohort);
  const keyless = complete ? dealers.find((id) => !adverts.has(id)) : undefined;
  if (keyless !== undefined) return wrong(`${keyless} dealt shares without having sent keys.`);
  const shareless = survivors.find((id) => !dealers.includes(id));
  if (shareless !== undefined) return wrong(`${shareless} survived without having dealt shares.`);
  return ok(
    `${survivors.length} of ${parameters.cohort.length} survived, of ${dealers.length} that dealt shares.`,
  );
}

/** At least t survivors signed for the same survivors and for what each of them sent. */
export async function checkConfirmations(evidence: GroupEvidence, suite: CryptoSuite): Promise<Verdict> {
  const { parameters, adverts, dealers, survivors, confirmations } = evidence;
  if (confirmations.length === 0) return absent('This node heard nobody confirm the survivors.');
  if (survivors === null) return absent(NO_SURVIVORS);
  if (dealers === null || adverts.size === 0) return absent(NO_SETUP);
  const digest = survivorDigest(parameters, [...adverts.values()], dealers, survivors);
  for (const confirmation of confirmations) {
    const { participant } = confirmation;
    const advert = adverts.get(participant);
    if (advert === undefined || !survivors.includes(participant))
      return wrong(`${participant} confirmed, and is not among the survivors.`);
    await verifyConfirmation(parameters, confirmation, advert.identityKey, digest, suite);
  }
  const { threshold } = neighbourhoodsOf(parameters.context, parameters.cohort);
  if (confirmations.length < threshold)
    return wrong(`${confirmations.length} confirmations; unmasking takes ${threshold}.`);
  return ok(
    `${confirmations.length} survivors signed for the same ${survivors.length}; ${threshold} were needed.`,
  );
}

/** Of each dealer one kind of share at most, the one that its fate asks for, and only after t confirmations. */
export function checkReveals({ facts, survivors, parameters, node }: GroupEvidence): Verdict {
  const { threshold } = neighbourhoodsOf(parameters.context, parameters.cohort);
  const confirmed = new Set<NodeId>([node]);
  const revealed = { self: new Set<ParticipantId>(), mask: new Set<ParticipantId>() };
  let reveals = 0;
  for (const fact of facts) {
    if (fact.kind === 'confirmations')
      for (const { participant } of fact.confirmations) confirmed.add(participant);
    if (fact.kind !== 'revealed' && fact.kind !== 'collected') continue;
    if (fact.kind === 'revealed') {
      reveals++;
      for (const dealer of fact.self) revealed.self.add(dealer);
      for (const dealer of fact.mask) revealed.mask.add(dealer);
      if (confirmed.size < threshold)
        return wrong(`Shares were revealed on ${confirmed.size} confirmations.`);
    }
    const unfit =
      fact.self.find((id) => !survivors?.includes(id)) ??
      fact.mask.find((id) => survivors?.includes(id) ?? true);
    if (unfit !== undefined) return wrong(`A share of the wrong kind was revealed for ${unfit}.`);
  }
  const both = [...revealed.self].find((id) => revealed.mask.has(id));
  if (both !== undefined) return wrong(`Both kinds of share were revealed for ${both}.`);
  if (reveals === 0) return absent('This node revealed nothing.');
  return ok(
    `Revealed to ${reveals} owners: seeds of ${revealed.self.size} survivors, mask keys of ${revealed.mask.size} who left.`,
  );
}

/** Each sum is its owner's signed word, over as many inputs as there are survivors. */
export async function checkSums(evidence: GroupEvidence, suite: CryptoSuite): Promise<Verdict> {
  const { parameters, sums, survivors, plan, isCommitted, facts, bulk } = evidence;
  const heard = sums.filter((sum) => sum !== undefined);
  if (heard.length === 0 || !isCommitted) return absent(NO_SUMS);
  if (bulk?.sums.length === 0) return absent('The sums were too large to keep.');
  if (survivors === null) return absent(NO_SURVIVORS);
  for (const sum of heard) {
    const { slice, owner, proof, packed, tally } = sum;
    if (packed === undefined || proof === null)
      return wrong(`The sum of slice ${slice} is not there, or unsigned.`);
    if (tally !== plan.tally) return wrong(`The sum of slice ${slice} is of other survivors.`);
    if (proof.digests.byteLength !== survivors.length * SLICE_DIGEST_BYTES)
      return wrong(`The sum of slice ${slice} is not over ${survivors.length} inputs.`);
    const proven = { parameters, slice, values: packed, digests: proof.digests };
    if (!(await verifySum(owner, proof, proven, suite)))
      return wrong(`The sum of slice ${slice} is not signed by ${owner}.`);
  }
  const liar = ofKind(facts, 'sum').find(({ slice, owner, values }) =>
    heard.some((sum) => sum.slice === slice && sum.owner === owner && !sameBytes(sum.values, values)),
  );
  if (liar !== undefined) return wrong(`${liar.owner} published two different sums of slice ${liar.slice}.`);
  const lacking = missing(sums);
  if (lacking.length > 0)
    return absent(`No sum was heard of slice ${lacking.join(', ')}; the others are signed.`);
  return ok(`The sums of all ${sums.length} slices are signed by their owners.`);
}

/** "My update was in it." */
export function checkOwnUpdate({ node, sums, survivors, sent }: GroupEvidence): Verdict {
  const place = survivors?.indexOf(node as ParticipantId) ?? -1;
  if (place < 0) return absent('This node had no update in the round.');
  const heard = sums.filter((sum) => sum !== undefined);
  if (heard.length === 0) return absent(NO_SUMS);
  for (const sum of heard) {
    const own = sent.get(sum.slice);
    if (own === undefined) return wrong(`Slice ${sum.slice} of this node's update was never sent.`);
    if (!hasDigest(sum, place, own))
      return wrong(`This node's slice ${sum.slice} is not in the sum of ${sum.owner}.`);
  }
  return ok(`This node's update went into the sums of ${heard.length} slices.`);
}

/** What each survivor signed that it sent, or sent to this node, is what the owners signed that they added up. */
export function checkConfirmedUpdates({ sums, survivors, confirmations, facts }: GroupEvidence): Verdict {
  const heard = sums.filter((sum) => sum !== undefined);
  if (survivors === null || heard.length === 0 || confirmations.length === 0) return absent(NO_SUMS);
  for (const { participant, digests } of confirmations)
    for (const sum of heard)
      if (!hasDigest(sum, survivors.indexOf(participant), digestAt(digests, sum.slice)))
        return wrong(`What ${participant} sent of slice ${sum.slice} is not in the sum of ${sum.owner}.`);
  for (const { slice, from, digest } of ofKind(facts, 'received')) {
    const [sum, place] = [sums[slice], survivors.indexOf(from)];
    if (sum !== undefined && place >= 0 && !hasDigest(sum, place, digest))
      return wrong(`${from} sent another slice ${slice} to this node than is in the sum of ${sum.owner}.`);
  }
  return ok(
    `The updates of all ${confirmations.length} that confirmed are in the sums of ${heard.length} slices.`,
  );
}

/** The weight of every sum is that of the survivors' signed keys. */
export function checkWeight({ sums, survivors, adverts }: GroupEvidence): Verdict {
  const heard = sums.filter((sum) => sum !== undefined);
  if (survivors === null || heard.length === 0) return absent(NO_SUMS);
  if (!survivors.every((id) => adverts.has(id)))
    return absent('The weights of those who are not neighbours are not known here.');
  const total = survivors.reduce((sum, id) => sum + adverts.get(id)!.weight, 0);
  const off = heard.find(({ weight }) => weight !== total);
  if (off !== undefined)
    return wrong(`The sum of slice ${off.slice} has weight ${off.weight}, not ${total}.`);
  return ok(`Every sum has the total weight of the survivors, ${total}.`);
}

export function missing(sums: GroupEvidence['sums']): number[] {
  return sums.flatMap((sum, slice) => (sum === undefined ? [slice] : []));
}

/** Whether a sum's owner says that this digest is of what it added up for the survivor at `place`. */
export function hasDigest({ proof }: PublishedSum, place: number, digest: Uint8Array): boolean {
  return proof !== null && place >= 0 && sameBytes(digestAt(proof.digests, place), digest);
}

export function digestAt(digests: Uint8Array, place: number): Uint8Array {
  return digests.subarray(place * SLICE_DIGEST_BYTES, (place + 1) * SLICE_DIGEST_BYTES);
}
