import type { ParticipantId } from '../../identity/index.ts';
import type { RoundRecord } from '../../wire/index.ts';
import { secureRecordOf } from './secure-round.ts';
import type { CoordinatorContext, RoundState } from './state.ts';

/** The model that most of those who answered computed, who they are, and how many different ones there were. */
export function favouriteOf(applied: ReadonlyMap<ParticipantId, string>): {
  readonly hash: string;
  readonly holders: readonly ParticipantId[];
  readonly hashes: number;
} {
  const byHash = new Map<string, ParticipantId[]>();
  for (const [id, hash] of applied) byHash.set(hash, [...(byHash.get(hash) ?? []), id]);
  const [hash, holders] = [...byHash].sort((a, b) => b[1].length - a[1].length)[0] ?? ['', []];
  return { hash, holders, hashes: byHash.size };
}

/**
 * What is kept of a round whose survivors applied its sums. SPEC C-32, G-15.
 * @param rounds one for each group. @param lost of several groups, who was drawn and is in none of these.
 */
export function recordOf(
  rounds: readonly RoundState[],
  lost: readonly ParticipantId[],
  hash: string,
  atMs: number,
  { self, federationRevision }: CoordinatorContext,
): RoundRecord {
  const [{ attempt, base, startedAtMs }] = rounds as [RoundState];
  const survivors = survivorsOf(rounds);
  const dropped = [...rounds.flatMap((round) => [...round.dropped]), ...lost];
  const trainedAtMs = Math.max(...rounds.map((round) => round.trainedAtMs!));
  const uploadedAtMs = Math.max(...rounds.map((round) => round.uploadedAtMs!));
  return {
    ...attempt,
    coordinator: self,
    federationRevision,
    baseHash: base.hash,
    hash,
    survivors,
    dropped: dropped.filter((id) => !survivors.includes(id)),
    startedAtMs,
    trainMs: elapsedMs(startedAtMs, trainedAtMs),
    exchangeMs: elapsedMs(trainedAtMs, uploadedAtMs),
    applyMs: elapsedMs(uploadedAtMs, atMs),
    evaluation: null,
    secure: secureRecordOf(rounds),
    ...(rounds[0]!.plan.group === undefined ? {} : { groups: rounds.length }),
  };
}

/** Of all groups; in the order of their ids, as each cohort is. */
export function survivorsOf(rounds: readonly RoundState[]): ParticipantId[] {
  const survivors = rounds.flatMap(({ plan }) => plan.survivors!);
  return rounds.length === 1 ? survivors : survivors.sort();
}

/** A clock that was set back in mid-round makes a duration unknown, not negative. */
function elapsedMs(fromMs: number, toMs: number): number {
  return Math.max(0, toMs - fromMs);
}
