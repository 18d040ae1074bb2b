import { hasCode } from '../../shared/errors/index.ts';
import { type CryptoSuite, neighbourhoodsOf } from '../../shared/secagg/index.ts';
import { quantile } from '../table.ts';
import { type BenchCohort, leavers } from './cohort.ts';
import { PHASES, type PhaseMs, type PlayedRound, playRound, updatesOf } from './round.ts';

/** Shares of the cohort that leave after they dealt their shares. */
export const DROPS = [0, 0.1, 1 / 3] as const;

/** Medians of one participant. */
export interface ParticipantCell {
  readonly where: string;
  readonly topology: 'mesh' | 'server';
  readonly size: number;
  readonly left: number;
  readonly quantizationBits: number;
  readonly degree: number;
  readonly threshold: number;
  /** Rounds times participants behind a median. */
  readonly samples: number;
  readonly phases: PhaseMs;
  readonly totalMs: number;
  /** Of the first round of this cohort, before its code was compiled and its memory there; null where it is the only one. */
  readonly coldTotalMs: number | null;
}

/** A cohort in which too many left: the protocol's own words. */
export interface RefusedCell extends Pick<ParticipantCell, 'where' | 'topology' | 'size' | 'left'> {
  readonly refused: string;
}

/** Rounds of all these cohorts in turn, so that a busy moment hits all. The first of each only warms up. */
export async function measureMesh(
  where: string,
  cohorts: readonly BenchCohort[],
  rounds: number,
  suite: CryptoSuite,
  nowMs: () => number,
): Promise<{ readonly cells: (ParticipantCell | RefusedCell)[]; readonly whole: PlayedRound[] }> {
  const runs = cohorts.flatMap((cohort) => {
    const updates = updatesOf(cohort);
    const size = cohort.parameters.cohort.length;
    const all = DROPS.map((share) => leavers(size, share));
    // A tenth of three is nobody, like none of three.
    return all
      .filter((left, i) => left.size !== all[i - 1]?.size)
      .map((left) => {
        return {
          cohort,
          updates,
          left,
          timings: [] as (readonly PhaseMs[])[],
          refused: undefined as string | undefined,
        };
      });
  });
  const whole: PlayedRound[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const run of runs) {
      if (run.refused !== undefined) continue;
      try {
        const played = await playRound(run.cohort, run.left, suite, (i) => run.updates[i]!, nowMs);
        run.timings.push(played.timings);
        if (round === rounds && run.left.size === 0 && !whole.some(({ cohort }) => cohort === run.cohort))
          whole.push(played);
      } catch (thrown) {
        if (!hasCode(thrown, 'secagg.below-threshold')) throw thrown;
        run.refused = 'secagg.below-threshold';
      }
    }
  }
  const cells = runs.map(({ cohort, left, timings, refused }) => {
    const size = cohort.parameters.cohort.length;
    return refused === undefined
      ? cellOf(where, cohort, left.size, timings)
      : { where, topology: 'mesh' as const, size, left: left.size, refused };
  });
  return { cells, whole };
}

/** @param timings of rounds; the first is left out where there are others. */
export function cellOf(
  where: string,
  { parameters, quantizationBits }: BenchCohort,
  left: number,
  timings: readonly (readonly PhaseMs[])[],
): ParticipantCell {
  const size = parameters.cohort.length;
  const { degree, threshold } = neighbourhoodsOf(parameters.context, parameters.cohort);
  const warm = (timings.length > 1 ? timings.slice(1) : timings).flat();
  const phases = Object.fromEntries(
    PHASES.map((phase) => [
      phase,
      quantile(
        warm.map((ms) => ms[phase]),
        0.5,
      ),
    ]),
  ) as unknown as PhaseMs;
  const topology = parameters.sliceCount > 1 ? 'mesh' : 'server';
  return {
    ...{ where, topology, size, left, quantizationBits, degree, threshold, samples: warm.length, phases },
    totalMs: quantile(warm.map(totalOf), 0.5),
    coldTotalMs: timings.length > 1 ? quantile(timings[0]!.map(totalOf), 0.5) : null,
  };
}

export function totalOf(ms: PhaseMs): number {
  return PHASES.reduce((sum, phase) => sum + ms[phase], 0);
}

export function isMeasured(cell: ParticipantCell | RefusedCell): cell is ParticipantCell {
  return !('refused' in cell);
}
