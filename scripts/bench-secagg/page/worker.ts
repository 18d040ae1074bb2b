import { webSuite } from '../../../shared/secagg/index.ts';
import { makeCohort } from '../cohort.ts';
import { type KeystreamRate, measureKeystream } from '../keystream.ts';
import { measureMesh, type ParticipantCell, type RefusedCell } from '../measure.ts';

export interface Request {
  readonly sizes: readonly number[];
  readonly parameters: number;
  readonly rounds: number;
}
export type Answer =
  | { readonly cells: readonly (ParticipantCell | RefusedCell)[]; readonly keystream: KeystreamRate }
  | { readonly error: string };

/** A page has no clock of the processor: time passes while other processes run, too. */
const nowMs = () => performance.now();

async function measure({ sizes, parameters, rounds }: Request): Promise<Answer> {
  const suite = webSuite(globalThis.crypto);
  const keystream = await measureKeystream(suite, 2 ** 26, 5, nowMs);
  const cohorts = await Promise.all(sizes.map((size) => makeCohort(size, 'mesh', parameters)));
  const { cells } = await measureMesh('Chromium', cohorts, rounds, suite, nowMs);
  return { cells, keystream };
}

addEventListener('message', async ({ data }: MessageEvent<Request>) => {
  postMessage(await measure(data).catch((thrown: unknown) => ({ error: String(thrown) })));
});
