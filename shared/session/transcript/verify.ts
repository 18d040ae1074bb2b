import { participantIdOf, SERVER } from '../../identity/index.ts';
import { type CryptoSuite, SLICE_DIGEST_BYTES, sameBytes } from '../../secagg/index.ts';
import { compareAttempts } from '../effects.ts';
import { genesisHash, headBytes, linkHash } from './chain.ts';
import {
  checkAdverts,
  checkConfirmations,
  checkConfirmedUpdates,
  checkOwnUpdate,
  checkReveals,
  checkSums,
  checkSurvivors,
  checkWeight,
} from './checks.ts';
import { type Evidence, evidenceOf, type GroupEvidence, ofKind } from './evidence.ts';
import {
  absent,
  type Finding,
  type FindingName,
  finding,
  inAllGroups,
  ok,
  type Verdict,
  wrong,
} from './finding.ts';
import { commitmentBytes, revealBytes } from './group-notes.ts';
import { checkModel, checkRecomputed, checkScreening, checkTotal, isScreened } from './replay.ts';
import type { RoundTranscript } from './transcript.ts';

/**
 * What one transcript shows by itself, check after check: that nobody changed it since its node signed it; that enough
 * survivors signed for the same survivors; that each sum is its owner's word, that this node's masked update and those of
 * all who confirmed went into it; and that base and sums give the committed model. Of slices that this node owned the sum
 * is computed again from the masked inputs.
 *
 * It does not show that an owner elsewhere added up rightly: that takes that owner's transcript (`verifyTogether`), or the
 * check words, whose keys are gone by now; in the round every survivor looked at them. Nor does it show that the federation
 * document is the one that the others have, beyond what enters the sums and the model.
 * @returns never throws; what cannot be read is a finding.
 */
export async function verifyTranscript(transcript: RoundTranscript, suite: CryptoSuite): Promise<Finding[]> {
  const first = [
    await finding('chain', () => checkChain(transcript)),
    await finding('signature', () => checkSignature(transcript, suite)),
  ];
  let evidence: Evidence;
  try {
    evidence = evidenceOf(transcript);
  } catch (thrown) {
    return [
      ...first,
      await finding('contents', () => {
        throw thrown;
      }),
    ];
  }
  const inEach = (name: FindingName, check: (group: GroupEvidence) => Verdict | Promise<Verdict>) =>
    finding(name, async () => {
      const verdicts: Verdict[] = [];
      for (const group of evidence.groups) if (!group.isLost) verdicts.push(await check(group));
      return verdicts.length === 0 ? absent('Every group was given up.') : inAllGroups(verdicts);
    });
  const isGrouped = evidence.groups[0]!.group !== null;
  return [
    ...first,
    await finding('contents', () => checkContents(evidence, transcript, suite)),
    await inEach('adverts', (group) => checkAdverts(group, suite)),
    await inEach('survivors', checkSurvivors),
    await inEach('confirmations', (group) => checkConfirmations(group, suite)),
    await inEach('reveals', checkReveals),
    await inEach('sums', (group) => checkSums(group, suite)),
    await inEach('own-update', checkOwnUpdate),
    await inEach('confirmed-updates', checkConfirmedUpdates),
    await inEach('weight', checkWeight),
    await inEach('recomputed', (group) => checkRecomputed(group, suite)),
    ...(isGrouped ? [await totalFinding(evidence)] : []),
    await finding('model', () => checkModel(evidence)),
  ];
}

function totalFinding(evidence: Evidence): Promise<Finding> {
  return isScreened(evidence)
    ? finding('screening', () => checkScreening(evidence))
    : finding('total', () => checkTotal(evidence, evidence.groups));
}

/** Every link follows from the one before, the first from the header; one beginning, one end. */
function checkChain({ header, events }: RoundTranscript): Verdict {
  let hash = genesisHash(header);
  for (const [i, event] of events.entries()) {
    if (event.seq !== i) return wrong(`Event ${i} is missing or out of order.`);
    hash = linkHash(hash, event);
    if (!sameBytes(hash, event.hash))
      return wrong(`Event ${i} (${event.kind}) does not follow from what stands before it.`);
    if (i === 0 && event.kind !== 'invited') return wrong(`Event ${i} (${event.kind}) is out of place.`);
    const isEnd = event.kind === 'committed' || event.kind === 'abandoned';
    if (isEnd !== (i === events.length - 1)) return wrong(`Event ${i} (${event.kind}) is out of place.`);
  }
  return ok(`All ${events.length} events follow from each other.`);
}

async function checkSignature(
  { header, events, bulk, bulkDigest, signature }: RoundTranscript,
  suite: CryptoSuite,
): Promise<Verdict> {
  const { node, identityKey } = header;
  if (node !== SERVER && participantIdOf(identityKey) !== node)
    return wrong('The transcript is signed by another device than the one that it is of.');
  if (!sameBytes(await suite.digest(bulk ?? new Uint8Array(0)), bulkDigest))
    return wrong('What lies beside the events is not what was signed.');
  const head = events.at(-1)?.hash ?? genesisHash(header);
  const holds = await suite.verify(identityKey, headBytes(head, events.length, bulkDigest), signature);
  return holds
    ? ok(`Signed by ${node === SERVER ? 'the server' : 'the device'} that it is of.`)
    : wrong('The signature of the node does not hold.');
}

/** What lies beside the events is what they speak of. */
async function checkContents(
  { facts, bulk, base, header, abandoned, record, groups, total }: Evidence,
  { events }: RoundTranscript,
  suite: CryptoSuite,
): Promise<Verdict> {
  if (bulk === null) {
    if (record !== undefined) return wrong('The transcript of a committed round holds no numbers.');
    return absent(`The attempt was abandoned${abandoned === undefined ? '' : `: ${abandoned}`}.`);
  }
  if (record === undefined) return wrong('An attempt that was not committed may hold no numbers.');
  if (compareAttempts(record, header.attempt) !== 0 || record.baseHash !== base.hash)
    return wrong('The committed record is of another attempt.');
  const digestOf = (values: Uint8Array<ArrayBuffer>) => suite.digest(values);
  const sums = ofKind(facts, 'sum');
  for (const [i, { slice, owner, values }] of bulk.sums.entries()) {
    const said = sums[i];
    if (said?.slice !== slice || said.owner !== owner || !sameBytes(said.values, await digestOf(values)))
      return wrong(`The sum of slice ${slice} by ${owner} is not the one that was heard.`);
  }
  for (const { slice, participant, values } of bulk.inputs) {
    const said =
      participant === header.node
        ? ofKind(facts, 'sent').find((fact) => fact.slice === slice)
        : ofKind(facts, 'received').find((fact) => fact.slice === slice && fact.from === participant);
    const digest = (await digestOf(values)).subarray(0, SLICE_DIGEST_BYTES);
    if (said === undefined || !sameBytes(said.digest, digest))
      return wrong(`The masked slice ${slice} of ${participant} is not the one that was sent.`);
  }
  for (const { holder, shares } of bulk.reveals) {
    const said =
      holder === header.node
        ? ofKind(facts, 'revealed')[0]
        : ofKind(facts, 'collected').find(({ from }) => from === holder);
    if (said === undefined || !sameBytes(said.digest, await digestOf(revealBytes(shares))))
      return wrong(`The shares that ${holder} revealed are not those that were sent.`);
  }
  for (const { facts, parameters } of groups) {
    const inbox = ofKind(facts, 'inbox')[0];
    const own = bulk.commitments.filter(({ dealer }) => parameters.cohort.includes(dealer));
    if (own.length > 0 && !sameBytes(inbox?.commitments ?? NOTHING, await digestOf(commitmentBytes(own))))
      return wrong('The commitments of the dealers are not those that came.');
  }
  if (bulk.total !== null && !sameBytes(total?.values ?? NOTHING, await digestOf(bulk.total)))
    return wrong('The total is not the one that was heard.');
  const count = bulk.sums.length + bulk.inputs.length + bulk.reveals.length;
  return ok(`${count} sums, masked slices and reveals are what ${events.length} events say of them.`);
}

const NOTHING = new Uint8Array(0);
