import { MurmurationError } from '../../errors/index.ts';
import { throwIfCancelled } from '../cancel.ts';
import type { CompiledModel } from '../model/compile.ts';
import { withinMs } from './limit.ts';
import { type Measurement, measureSteps } from './measure.ts';
import { probeFault } from './probe.ts';

export type BackendActivation = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface BackendCandidate {
  readonly name: string;
  /** Tried only when no candidate before it works. */
  readonly lastResort?: boolean;
  /**
   * Loads the backend and makes it tfjs's current one. Called again for the winner.
   * @param signal aborted when the candidate took too long: it should then leave the current backend alone.
   */
  activate(signal: AbortSignal): Promise<BackendActivation>;
}

/** Which backend trains, and why. */
export interface BackendReport {
  readonly name: string;
  /** Median time of a training step of this model. */
  readonly msPerStep: number;
  /** Examples in the timed steps. */
  readonly batchSize: number;
  readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
}

export interface BackendChoice {
  readonly compiled: CompiledModel;
  readonly batchSize: number;
  readonly signal: AbortSignal;
  /** Time for the candidates after the first that works; one that is not done by then has lost. */
  readonly budgetMs?: number;
}

const DEFAULT_BUDGET_MS = 4000;
/** Without a backend a slow one is better than none, and its binary may still be downloading. */
const FIRST_BACKEND_LIMIT_MS = 30_000;
/** More examples tell no more about which backend is faster. */
const MAX_TIMED_BATCH = 64;
const MAX_TIMING_MS = 500;
/** Backends round differently; a wrong convolution is off by far more than a hundredth. */
const LOSS_TOLERANCE = 1e-2;

interface Contender {
  readonly candidate: BackendCandidate;
  readonly measured: Measurement;
}

/**
 * Tries the candidates in order, checks each against stored results, times it on the model at hand, and leaves
 * the fastest one active. The name of a backend says little: WebGL in software loses to WASM by far.
 * @throws `training.backend-unavailable` with the reason of each when none works; `training.cancelled`.
 */
export async function chooseBackend(
  candidates: readonly BackendCandidate[],
  choice: BackendChoice,
): Promise<BackendReport> {
  const { compiled, signal } = choice;
  const batchSize = Math.min(choice.batchSize, MAX_TIMED_BATCH);
  const budgetMs = choice.budgetMs ?? DEFAULT_BUDGET_MS;
  let deadlineMs: number | undefined;
  const passedOver: { name: string; reason: string }[] = [];
  const late: Promise<unknown>[] = [];
  let best: Contender | undefined;
  let current: BackendCandidate | undefined;

  for (const candidate of candidates) {
    throwIfCancelled(signal);
    const limitMs = deadlineMs === undefined ? FIRST_BACKEND_LIMIT_MS : deadlineMs - performance.now();
    if (best !== undefined && (candidate.lastResort || limitMs < 1)) {
      const reason = candidate.lastResort
        ? 'It is used only when nothing else works.'
        : 'There was no time left to try it.';
      passedOver.push({ name: candidate.name, reason });
      continue;
    }
    current = candidate;
    const expectedLoss = best?.measured.firstLoss;
    const attempt = await withinMs(limitMs, signal, (signal) =>
      tryCandidate(candidate, { compiled, batchSize, signal }, expectedLoss),
    );
    throwIfCancelled(signal);
    if (attempt.timedOut) late.push(attempt.work);
    const outcome = attempt.timedOut ? 'It took too long to start.' : attempt.value;
    if (typeof outcome === 'string') {
      passedOver.push({ name: candidate.name, reason: outcome });
      continue;
    }
    const contender: Contender = { candidate, measured: outcome };
    const [winner, loser] = ranked(contender, best);
    best = winner;
    deadlineMs ??= performance.now() + budgetMs;
    if (loser !== undefined) passedOver.push(slower(loser, winner));
  }

  if (best !== undefined && current !== best.candidate) {
    const activation = await best.candidate.activate(signal);
    if (!activation.ready) {
      passedOver.push({ name: best.candidate.name, reason: activation.reason });
      best = undefined;
    }
  }
  if (best === undefined) {
    throw new MurmurationError(
      'training.backend-unavailable',
      'Nothing on this device can train the model.',
      {
        received: passedOver.map(({ name, reason }) => `${name}: ${reason}`).join(' ') || 'no candidates',
        remedy: 'Use a current browser with WebAssembly.',
      },
    );
  }
  const { candidate, measured } = best;
  // A backend that finishes starting after all would become the current one.
  for (const work of late) void work.then(() => candidate.activate(signal));
  return { name: candidate.name, msPerStep: measured.msPerStep, batchSize, passedOver };
}

/** @returns the measurement, or why the candidate is out. Never rejects. */
async function tryCandidate(
  candidate: BackendCandidate,
  { compiled, batchSize, signal }: BackendChoice,
  expectedLoss: number | undefined,
): Promise<Measurement | string> {
  try {
    const activation = await candidate.activate(signal);
    if (!activation.ready) return activation.reason;
    const fault = await probeFault(signal);
    if (fault !== undefined) return fault;
    const measured = await measureSteps(compiled, batchSize, MAX_TIMING_MS, signal);
    const off = Math.abs(measured.firstLoss - (expectedLoss ?? measured.firstLoss));
    return off <= LOSS_TOLERANCE * Math.max(1, Math.abs(expectedLoss ?? 0))
      ? measured
      : 'It computes another loss than the backends before it.';
  } catch (thrown) {
    return `It failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}

function ranked(a: Contender, b: Contender | undefined): [winner: Contender, loser: Contender | undefined] {
  return b === undefined || a.measured.msPerStep < b.measured.msPerStep ? [a, b] : [b, a];
}

function slower(loser: Contender, winner: Contender): { name: string; reason: string } {
  const [slow, fast] = [loser, winner].map(({ measured }) => `${measured.msPerStep.toFixed(1)} ms`);
  return { name: loser.candidate.name, reason: `It takes ${slow} a step, ${winner.candidate.name} ${fast}.` };
}
