import type { Seat, SeatState } from './supervisor.ts';
import type { StoredTraining } from './training-machine.ts';

/** What was going on when everything was stopped. Participants are counts, budgets numbers. */
export interface IncidentReport {
  readonly trainings: readonly {
    readonly id: string;
    readonly federation: string;
    readonly run: string;
    readonly status: string;
    readonly round: number;
  }[];
  /** Of what this replica coordinates. */
  readonly federations: readonly {
    readonly federation: string;
    readonly run: string;
    readonly round: number;
    readonly present: number;
    readonly abandoned: { readonly round: number; readonly attempt: number } | null;
    /** Spent over allowed; null where nothing is limited. */
    readonly budgetShare: number | null;
  }[];
}

/** A seat as it was before anything was stopped. */
export interface SeenSeat extends Pick<Seat, 'federation' | 'run'> {
  readonly state: SeatState;
}

/** @param trainings as they were before anything was stopped. A budget that cannot be reckoned now is left out. */
export async function reportIncident(
  trainings: readonly StoredTraining[],
  seats: readonly SeenSeat[],
  budgetShare: (federation: string) => Promise<number | undefined>,
): Promise<IncidentReport> {
  const federations = seats.map(async ({ federation, run, state }) => ({
    federation,
    run,
    round: state.round,
    present: state.present,
    abandoned:
      state.attempt === undefined ? null : { round: state.attempt.round, attempt: state.attempt.attempt },
    budgetShare: (await budgetShare(federation).catch(() => undefined)) ?? null,
  }));
  return {
    trainings: trainings.map(({ id, federation, run, status, round }) => ({
      id,
      federation,
      run,
      status,
      round,
    })),
    federations: await Promise.all(federations),
  };
}
