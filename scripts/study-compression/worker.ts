import { webcrypto } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { check, type ErrorRecord, toErrorRecord } from '../../shared/errors/index.ts';
import { seededRandom, webCryptoRandom } from '../../shared/random/index.ts';
import { iidPartition } from '../../shared/simulate/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import type { StudyImages } from '../study-data.ts';
import { useWasm } from '../study-privacy/training.ts';
import { federationOf, PARTICIPANTS, type Row } from './rows.ts';
import { type Outcome, runRow } from './run-row.ts';

/** Runs rows for study-compression.ts, one at a time, on a WASM backend of its own. */
export interface WorkerSetup {
  readonly train: StudyImages;
  readonly test: StudyImages;
  /** Digits of all participants together. */
  readonly examples: number;
  readonly rounds: number;
}
export interface Unit {
  readonly row: Row;
  readonly seed: string;
}
export type Message =
  | { readonly kind: 'ready' }
  | { readonly kind: 'round'; readonly round: number; readonly relativeError: number }
  | { readonly kind: 'done'; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly error: ErrorRecord };

check(parentPort !== null, 'internal', 'This file is for a worker thread.');
const port = parentPort;
const { train, test, examples, rounds } = workerData as WorkerSetup;
await useWasm();
port.on('message', (unit: Unit) => {
  perform(unit).then(
    (outcome) => post({ kind: 'done', outcome }),
    (thrown: unknown) => post({ kind: 'failed', error: toErrorRecord(thrown) }),
  );
});
post({ kind: 'ready' });

async function perform({ row, seed }: Unit): Promise<Outcome> {
  const plain = compileModel(federationOf({ name: row.name }, 0, rounds));
  const federation = federationOf(row, plain.layout.length, rounds);
  const random = seededRandom(`${seed}/partition`);
  return runRow({
    federation: { ...federation, model: { ...federation.model, seed } },
    compiled: compileModel({ ...federation, model: { ...federation.model, seed } }),
    train,
    test,
    partition: iidPartition(examples, PARTICIPANTS, random),
    seed,
    rounds,
    random: webCryptoRandom(webcrypto),
    onRound: (round, relativeError) => post({ kind: 'round', round, relativeError }),
  });
}

function post(message: Message): void {
  port.postMessage(message);
}
