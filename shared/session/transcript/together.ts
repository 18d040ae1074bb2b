import { bytesToHex } from '@noble/hashes/utils.js';
import type { ParticipantId } from '../../identity/index.ts';
import { type CryptoSuite, sameBytes, survivorDigest } from '../../secagg/index.ts';
import { hasDigest } from './checks.ts';
import { type Evidence, evidenceOf, type GroupEvidence, labelOf } from './evidence.ts';
import { absent, type Finding, finding, ok, type Verdict, wrong } from './finding.ts';
import { checkScreening, checkTotal, isScreened, recompute } from './replay.ts';
import type { RoundTranscript } from './transcript.ts';
import { verifyTranscript } from './verify.ts';

export interface JointFindings {
  /** Of each transcript, in the order given. */
  readonly each: readonly (readonly Finding[])[];
  readonly joint: readonly Finding[];
}

/**
 * What several transcripts of one round show together: that all saw the same survivors, the same sums and the same model,
 * that every update is in every sum, and which slices add up again from the masked slices that these nodes hold between
 * them: an owner that published a wrong sum is convicted without its help. Transcripts of attempts that were given up are checked by themselves only.
 */
export async function verifyTogether(
  transcripts: readonly RoundTranscript[],
  suite: CryptoSuite,
): Promise<JointFindings> {
  const each: (readonly Finding[])[] = [];
  for (const transcript of transcripts) each.push(await verifyTranscript(transcript, suite));
  const read = transcripts.flatMap((transcript, i) => {
    const unreadable = each[i]!.some(({ name, outcome }) => name === 'chain' && outcome === 'wrong');
    return unreadable ? [] : readable(transcript);
  });
  const committed = read.filter(({ record }) => record !== undefined);
  const isGrouped = read.some(({ groups }) => groups[0]!.group !== null);
  const joint = [
    await finding('same-round', () => checkSameRound(read)),
    await finding('same-survivors', () => checkSameSurvivors(committed)),
    await finding('same-sums', () => checkSameSums(committed)),
    await finding('same-model', () => checkSameModel(committed)),
    await finding('every-update', () => checkEveryUpdate(committed)),
    await finding('slices-recomputed', () => recomputeSlices(committed, suite)),
    ...(isGrouped
      ? [
          await finding(committed.some(isScreened) ? 'screening' : 'all-groups', () =>
            checkAllGroups(committed),
          ),
        ]
      : []),
    await finding('replayed', () => countReplayed(committed, each)),
  ];
  return { each, joint };
}

/** What cannot be read is a finding of that transcript already. */
function readable(transcript: RoundTranscript): Evidence[] {
  try {
    return [evidenceOf(transcript)];
  } catch {
    return [];
  }
}

function checkSameRound(all: readonly Evidence[]): Verdict {
  const [first, ...others] = all;
  if (first === undefined) return absent('No transcript could be read.');
  const facts = ({ header, base, layout }: Evidence): [string, string][] => {
    const { term, round, attempt } = header.attempt;
    return [
      ['run', header.run],
      ['attempt', `${term}.${round}.${attempt}`],
      ['base model', base.hash],
      ['federation document', header.federation],
      ['layout', layout.hash],
    ];
  };
  const expected = facts(first);
  for (const other of others) {
    const off = facts(other).findIndex(([, value], i) => value !== expected[i]![1]);
    if (off >= 0)
      return wrong(
        `The transcript of ${other.header.node} is of another ${expected[off]![0]} than the first.`,
      );
  }
  for (const [first, ...others] of byGroup(all).values()) {
    const other = others.find(
      ({ parameters }) => parameters.cohort.join() !== first!.parameters.cohort.join(),
    );
    if (other !== undefined)
      return wrong(`The transcript of ${other.node} is of another cohort than that of ${first!.node}.`);
  }
  const nodes = all.map(({ header }) => header.node);
  const twice = nodes.find((node, i) => nodes.indexOf(node) !== i);
  if (twice !== undefined) return wrong(`Two transcripts are of ${twice}.`);
  return ok(`${all.length} nodes tell of round ${first.header.attempt.round} of one run.`);
}

/** Of each group of the round, what each node says of it. */
function byGroup(all: readonly Evidence[]): Map<number, GroupEvidence[]> {
  const groups = new Map<number, GroupEvidence[]>();
  for (const group of all.flatMap(({ groups }) => groups)) {
    if (group.isLost) continue;
    const index = group.group?.index ?? 0;
    groups.set(index, [...(groups.get(index) ?? []), group]);
  }
  return groups;
}

function checkSameSurvivors(all: readonly Evidence[]): Verdict {
  let compared = 0;
  for (const group of byGroup(all).values()) {
    const digests = group.flatMap(({ node, parameters, adverts, dealers, survivors }) => {
      if (survivors === null || dealers === null || adverts.size === 0) return [];
      return [
        { node, hex: bytesToHex(survivorDigest(parameters, [...adverts.values()], dealers, survivors)) },
      ];
    });
    const other = digests.find(({ hex }) => hex !== digests[0]!.hex);
    if (other !== undefined)
      return wrong(`${other.node} saw other keys, dealers or survivors than ${digests[0]!.node}.`);
    if (digests.length > 1) compared += digests.length;
  }
  if (compared === 0) return absent('Fewer than two transcripts know the survivors.');
  return ok(`${compared} nodes saw the same keys, dealers and survivors.`);
}

function checkSameSums(all: readonly Evidence[]): Verdict {
  const seen = new Map<string, { node: string; hex: string }>();
  let compared = 0;
  for (const group of [...byGroup(all).values()].flat())
    for (const sum of group.sums) {
      if (sum === undefined) continue;
      const hex = bytesToHex(sum.values);
      const label = labelOf(group, sum.slice);
      const first = seen.get(label);
      if (first === undefined) seen.set(label, { node: group.node, hex });
      else if (first.hex !== hex)
        return wrong(`${group.node} was given another sum of slice ${label} than ${first.node}.`);
      else compared++;
    }
  if (compared === 0) return absent('No sum was heard by more than one of these nodes.');
  return ok(`The sums of ${seen.size} slices are the same everywhere.`);
}

function checkSameModel(all: readonly Evidence[]): Verdict {
  const [first, ...others] = all;
  if (first === undefined) return absent('No transcript tells of a commit.');
  const other = others.find(({ record }) => record!.hash !== first.record!.hash);
  if (other !== undefined)
    return wrong(`${other.header.node} heard of another model than ${first.header.node}.`);
  return ok(`${all.length} nodes heard of the same model, ${first.record!.hash.slice(0, 12)}.`);
}

function checkEveryUpdate(all: readonly Evidence[]): Verdict {
  let updates = 0;
  for (const group of byGroup(all).values())
    for (const { node, sent, survivors } of group) {
      const place = survivors?.indexOf(node as ParticipantId) ?? -1;
      if (place < 0) continue;
      updates++;
      for (const reader of group)
        for (const sum of reader.sums) {
          const own = sum && sent.get(sum.slice);
          if (own !== undefined && !hasDigest(sum!, place, own))
            return wrong(`Slice ${sum!.slice} of ${node} is not in the sum that ${reader.node} was given.`);
        }
    }
  if (updates === 0) return absent('None of these nodes had an update in the round.');
  return ok(`The updates of ${updates} nodes are in every sum that any of them was given.`);
}

/** Every slice whose masked slices these nodes hold between them, whether its owner's transcript is here or not. */
async function recomputeSlices(
  all: readonly Evidence[],
  suite: CryptoSuite,
): Promise<Verdict & { slices: string[] }> {
  const slices: string[] = [];
  let total = 0;
  for (const group of byGroup(all).values()) {
    const view = group.find(
      ({ dealers, adverts, sums }) => dealers && adverts.size > 0 && sums.some(Boolean),
    );
    total += group[0]!.sums.length;
    for (const sum of view?.sums ?? []) {
      const fault = sum === undefined ? 'unknown' : await recompute(group, view!, sum, suite);
      if (fault === undefined) slices.push(labelOf(view!, sum!.slice));
      else if (fault !== 'unknown') return { ...wrong(fault), slices };
    }
  }
  const text = `${slices.length} of ${total} slices were added up again from masked slices.`;
  return { ...(slices.length === 0 ? absent(text) : ok(text)), slices };
}

function checkAllGroups(all: readonly Evidence[]): Verdict {
  const [first] = all.filter(({ total }) => total !== undefined);
  if (first === undefined) return absent('No transcript tells of a total.');
  const known = [...byGroup(all).values()].map(
    (group) => group.find(({ sums }) => sums.every((sum) => sum?.packed !== undefined)) ?? group[0]!,
  );
  const other = all.find(({ total }) => total !== undefined && !sameBytes(total.values, first.total!.values));
  if (other !== undefined)
    return wrong(`${other.header.node} was given another total than ${first.header.node}.`);
  return isScreened(first) ? checkScreening(first) : checkTotal(first, known);
}

function countReplayed(all: readonly Evidence[], each: JointFindings['each']): Verdict {
  const replayed = each.filter((findings) =>
    findings.some(({ name, outcome }) => name === 'model' && outcome === 'ok'),
  ).length;
  if (all.length === 0) return absent('The round was not committed.');
  const text = `${replayed} of ${all.length} transcripts give the committed model.`;
  return replayed > 0 ? ok(text) : wrong(text);
}
