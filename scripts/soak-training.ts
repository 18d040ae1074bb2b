import { integerOption, readOptions, writeJson } from './options.ts';
import { chromiumSoak } from './soak-training/chromium-host.ts';
import type { Sample, SoakHost } from './soak-training/host.ts';
import { nodeSoak } from './soak-training/node-host.ts';
import type { CancelReport } from './soak-training/soak.ts';
import { faultsOf } from './soak-training/verdict.ts';
import { formatTable, grouped } from './table.ts';

/**
 * Whether memory stays flat: many rounds of training in one worker, then jobs that are cancelled at random moments.
 */
const WARM_UP_ROUNDS = 20;
const SAMPLES = 10;

interface Result {
  readonly where: string;
  readonly samples: readonly Sample[];
  readonly cancels: readonly CancelReport[];
  readonly faults: readonly string[];
}

const options = readOptions({
  rounds: { type: 'string', default: '1000' },
  cancels: { type: 'string', default: '200' },
  where: { type: 'string' },
  seed: { type: 'string', default: 'soak' },
});
const rounds = integerOption('rounds', options.rounds, 2, 1_000_000);
const cancels = integerOption('cancels', options.cancels, 0, 1_000_000);
const places = placesOf(options.where);

const results: Result[] = [];
for (const place of places) {
  const host = place === 'node' ? await nodeSoak() : await chromiumSoak();
  try {
    results.push(await soak(host));
  } finally {
    await host.close();
  }
}
for (const result of results) print(result);
writeJson(options.json, { date: new Date().toISOString(), rounds, cancels, seed: options.seed, results });
if (options.check && results.some(({ faults }) => faults.length > 0)) process.exitCode = 1;

async function soak(host: SoakHost): Promise<Result> {
  const samples: Sample[] = [];
  const takeSample = async (round: number): Promise<void> => {
    const jsHeapBytes = await host.jsHeapBytes();
    samples.push({ round, jsHeapBytes, ...(await host.held()) });
  };
  await host.rounds(0, WARM_UP_ROUNDS);
  // Warms up the paths of cancellation too, before anything is compared.
  await host.cancel(Math.min(cancels, 8), `${options.seed} warm-up`);
  await takeSample(0);
  const every = Math.ceil(rounds / SAMPLES);
  for (let done = 0; done < rounds; ) {
    const count = Math.min(every, rounds - done);
    await host.rounds(WARM_UP_ROUNDS + done, count);
    done += count;
    await takeSample(done);
  }
  const reports = await host.cancel(cancels, options.seed ?? 'soak');
  return { where: host.name, samples, cancels: reports, faults: faultsOf(samples, reports) };
}

function print({ where, samples, cancels, faults }: Result): void {
  console.log(`${where}. Round 0 is after ${WARM_UP_ROUNDS} rounds of warm-up.`);
  console.log(
    formatTable(
      ['round', 'JS heap kB', 'WASM heap kB', 'tensors', 'tensor bytes', 'WASM allocations'],
      samples.map(({ round, jsHeapBytes, wasmHeapBytes, tensors, tensorBytes, allocations }) => [
        grouped(round),
        grouped(jsHeapBytes / 1000),
        grouped(wasmHeapBytes / 1000),
        grouped(tensors),
        grouped(tensorBytes),
        grouped(allocations),
      ]),
    ),
  );
  console.log(
    formatTable(
      ['cancelled during', 'jobs', 'cut short', 'leaks'],
      cancels.map(({ interruption, jobs, cancelled, leaks }) => [interruption, jobs, cancelled, leaks]),
    ),
  );
  for (const fault of faults) console.error(fault);
  console.log(faults.length === 0 ? 'Flat.\n' : '');
}

function placesOf(text: string | undefined): readonly ('node' | 'chromium')[] {
  if (text === undefined) return ['node', 'chromium'];
  if (text === 'node' || text === 'chromium') return [text];
  console.error(`--where: expected node or chromium, received "${text}".`);
  process.exit(2);
}
