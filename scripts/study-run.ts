import type { Federation } from '../shared/federation/index.ts';
import {
  type Compute,
  type SimulatedRound,
  type SimulationNotice,
  simulateRounds,
} from '../shared/simulate/index.ts';
import type { Layout, Model } from '../shared/update/index.ts';
import { loadStudy, type StudyRound, type StudyState, saveStudy } from './study-state.ts';

export interface StudyOptions {
  readonly federation: Federation;
  readonly layout: Layout;
  readonly initial: Model;
  /** How many examples each client has. */
  readonly examples: readonly number[];
  readonly compute: Compute;
  readonly seed: string;
  readonly run: string;
  readonly stateFile: string;
  /** What the result depends on; a state with others is refused. */
  readonly configuration: StudyState['configuration'];
  /** Whether it is over after these rounds, at least one. */
  readonly isOver: (rounds: readonly StudyRound[]) => boolean;
  readonly onRound?: (round: StudyRound) => void;
  readonly onNotice?: (notice: SimulationNotice) => void;
}

/**
 * Goes on with a study after the last round that its state file holds, or begins it, until it is over or the
 * federation's last round is done. After every round the state is on disk: killed at any point and started again, it
 * makes the models it would have made.
 * @throws as {@link simulateRounds} and {@link loadStudy}; the state then holds all rounds but the one that failed.
 */
export async function runStudy(options: StudyOptions): Promise<StudyState> {
  const { federation, layout, initial, stateFile, configuration } = options;
  const before = await loadStudy(stateFile, layout, configuration);
  const model = before?.model ?? initial;
  const trouble = [...(before?.state.trouble ?? [])];
  let state: StudyState = {
    format: 'murmuration/study',
    formatVersion: 1,
    configuration,
    term: (before?.state.term ?? 0) + 1,
    modelHash: model.hash,
    rounds: before?.state.rounds ?? [],
    trouble,
  };
  const isDone = () =>
    state.rounds.length >= federation.rounds.maximum ||
    (state.rounds.length > 0 && options.isOver(state.rounds));
  if (isDone()) return state;

  let sinceMs = performance.now();
  const rounds = simulateRounds({
    ...options,
    model,
    term: state.term,
    flush: () => new Promise((resolve) => setImmediate(resolve)),
    onNotice: (notice) => {
      const { node, code, text } = notice;
      trouble.push({ afterRound: state.rounds.length, node, code, text });
      options.onNotice?.(notice);
    },
  });
  for await (const simulated of rounds) {
    const nowMs = performance.now();
    const round = roundOf(simulated, (nowMs - sinceMs) / 1000);
    sinceMs = nowMs;
    state = { ...state, modelHash: simulated.model.hash, rounds: [...state.rounds, round] };
    await saveStudy(stateFile, state, simulated.model);
    options.onRound?.(round);
    if (isDone()) break;
  }
  return state;
}

function roundOf({ record, clients, updates }: SimulatedRound, seconds: number): StudyRound {
  const { total, correct, lossSum } = record.evaluation ?? { total: 0, correct: 0, lossSum: 0 };
  return {
    round: record.round,
    hash: record.hash,
    total,
    correct,
    lossSum,
    clients,
    abandoned: record.attempt,
    clipped: updates.clipped,
    largestNorm: updates.largestNorm,
    seconds,
  };
}
