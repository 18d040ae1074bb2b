import { MurmurationError } from '../../errors/index.ts';
import type { ModelSpec } from '../../federation/index.ts';
import { throwIfCancelled } from '../cancel.ts';
import type { CompiledModel } from '../model/compile.ts';
import { conformanceFault } from './conformance.ts';
import { withinMs } from './limit.ts';
import { type Measurement, measureSteps } from './measure.ts';
import { PROBES, type Probe, probesFor } from './probe-table.ts';

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
  readonly passedOver: readonly PassedOver[];
}

export interface PassedOver {
  readonly name: string;
  /**
   * `faulty`: it failed, hung, or computes wrong results. `slower`: it works. `absent`: the device has none worth
   * trying. `untried`: there was no need, or no time.
   */
  readonly why: 'faulty' | 'slower' | 'absent' | 'untried';
  readonly reason: string;
  /** Where it was timed. */
  readonly msPerStep?: number;
}

export interface BackendChoice {
  readonly compiled: CompiledModel;
  readonly batchSize: number;
  readonly signal: AbortSignal;
  /** Whose parts a backend must compute rightly; without it, every part there is. */
  readonly model?: ModelSpec;
  /** Not to be used, and why: what failed before. */
  readonly excluded?: readonly { readonly name: string; readonly reason: string }[];
  /** An earlier report for the same model on the same device: its backend is used at once if it starts. */
  readonly remembered?: BackendReport | undefined;
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
  const probes = choice.model === undefined ? PROBES : probesFor(choice.model);
  const excluded = new Map(choice.excluded?.map(({ name, reason }) => [name, reason]));
  const remembered = await activateRemembered(candidates, excluded, choice);
  if (remembered !== undefined) return remembered;

  const passedOver: PassedOver[] = [];
  const late: Promise<unknown>[] = [];
  let best: Contender | undefined;
  let current: BackendCandidate | undefined;

  for (const candidate of candidates) {
    throwIfCancelled(signal);
    const failedBefore = excluded.get(candidate.name);
    if (failedBefore !== undefined) {
      passedOver.push({ name: candidate.name, why: 'faulty', reason: failedBefore });
      continue;
    }
    const limitMs = deadlineMs === undefined ? FIRST_BACKEND_LIMIT_MS : deadlineMs - performance.now();
    if (best !== undefined && (candidate.lastResort || limitMs < 1)) {
      const reason = candidate.lastResort
        ? 'It is used only when nothing else works.'
        : 'There was no time left to try it.';
      passedOver.push({ name: candidate.name, why: 'untried', reason });
      continue;
    }
    current = candidate;
    const expectedLoss = best?.measured.firstLoss;
    const attempt = await withinMs(limitMs, signal, (signal) =>
      tryCandidate(candidate, { compiled, batchSize, signal }, probes, expectedLoss),
    );
    throwIfCancelled(signal);
    if (attempt.timedOut) late.push(attempt.work);
    const outcome = attempt.timedOut ? faulty('It took too long to start.') : attempt.value;
    if ('reason' in outcome) {
      passedOver.push({ name: candidate.name, ...outcome });
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
      passedOver.push({ name: best.candidate.name, why: 'faulty', reason: activation.reason });
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

/** What passed the self-test and the comparison before need not do it again: the caller knows that nothing changed. */
async function activateRemembered(
  candidates: readonly BackendCandidate[],
  excluded: ReadonlyMap<string, string>,
  { remembered, signal }: BackendChoice,
): Promise<BackendReport | undefined> {
  const candidate = candidates.find(({ name }) => name === remembered?.name);
  if (remembered === undefined || candidate === undefined || excluded.has(candidate.name)) return undefined;
  const attempt = await withinMs(FIRST_BACKEND_LIMIT_MS, signal, async (signal) => {
    try {
      return (await candidate.activate(signal)).ready;
    } catch {
      // Whatever it is, the full choice that follows meets it again and names it.
      return false;
    }
  });
  throwIfCancelled(signal);
  return !attempt.timedOut && attempt.value ? remembered : undefined;
}

type Fault = Pick<PassedOver, 'why' | 'reason'>;

function faulty(reason: string): Fault {
  return { why: 'faulty', reason };
}

/** @returns the measurement, or why the candidate is out. Never rejects. */
async function tryCandidate(
  candidate: BackendCandidate,
  { compiled, batchSize, signal }: BackendChoice,
  probes: readonly Probe[],
  expectedLoss: number | undefined,
): Promise<Measurement | Fault> {
  try {
    const activation = await candidate.activate(signal);
    if (!activation.ready) return { why: 'absent', reason: activation.reason };
    const fault = await conformanceFault(probes, signal);
    if (fault !== undefined) return faulty(fault);
    const measured = await measureSteps(compiled, batchSize, MAX_TIMING_MS, signal);
    const off = Math.abs(measured.firstLoss - (expectedLoss ?? measured.firstLoss));
    return off <= LOSS_TOLERANCE * Math.max(1, Math.abs(expectedLoss ?? 0))
      ? measured
      : faulty('It computes another loss than the backends before it.');
  } catch (thrown) {
    return faulty(`It failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function ranked(a: Contender, b: Contender | undefined): [winner: Contender, loser: Contender | undefined] {
  return b === undefined || a.measured.msPerStep < b.measured.msPerStep ? [a, b] : [b, a];
}

function slower(loser: Contender, winner: Contender): PassedOver {
  const [slow, fast] = [loser, winner].map(({ measured }) => `${measured.msPerStep.toFixed(1)} ms`);
  return {
    name: loser.candidate.name,
    why: 'slower',
    reason: `It takes ${slow} a step, ${winner.candidate.name} ${fast}.`,
    msPerStep: loser.measured.msPerStep,
  };
}
