import { parentPort, workerData } from 'node:worker_threads';
import { check, type ErrorRecord, toErrorRecord } from '../../shared/errors/index.ts';
import type { StudyImages } from '../study-data.ts';
import { useWasm } from '../study-privacy/training.ts';
import { type Digits, dealDigits } from './digits.ts';
import type { Recipe } from './recipe.ts';
import { type Outcome, runUnit } from './run-unit.ts';
import type { Unit } from './units.ts';

/** Computes for study-robust.ts, one unit at a time, on a WASM backend of its own. */
export interface WorkerSetup {
  readonly images: { readonly train: StudyImages; readonly test: StudyImages };
  readonly recipe: Recipe;
}
export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly error: ErrorRecord };

check(parentPort !== null, 'internal', 'This file is for a worker thread.');
const port = parentPort;
const { images, recipe } = workerData as WorkerSetup;
let dealt: { readonly seed: string; readonly digits: Digits } | undefined;
await useWasm();

port.on('message', async (unit: Unit) => {
  try {
    if (dealt?.seed !== unit.seed) dealt = { seed: unit.seed, digits: dealDigits(images, recipe, unit.seed) };
    // A unit takes seconds; the thread as a whole is what is ended.
    const outcome = await runUnit(unit, dealt.digits, recipe, new AbortController().signal);
    port.postMessage({ kind: 'done', outcome } satisfies Reply);
  } catch (thrown) {
    port.postMessage({ kind: 'failed', error: toErrorRecord(thrown) } satisfies Reply);
  }
});
port.postMessage({ kind: 'ready' } satisfies Reply);
