import { availableParallelism } from 'node:os';
import { MurmurationError } from '../shared/errors/index.ts';
import { integerOption, readOptions, writeJson } from './options.ts';
import { boundsOf, summarize, tableOf } from './study-compression/report.ts';
import { ROWS } from './study-compression/rows.ts';
import { runUnits } from './study-compression/threads.ts';
import { loadMnist } from './study-data.ts';

/**
 * `npm run study:compression -- --check`: bytes that a participant sends against accuracy on MNIST, under secure aggregation.
 * `--quick` trains on a sixth of the digits for a few rounds, which shows that everything works and no more.
 */
const options = readOptions({
  rows: { type: 'string' },
  seeds: { type: 'string', default: 'a' },
  rounds: { type: 'string' },
  examples: { type: 'string' },
  workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  quick: { type: 'boolean', default: false },
});
const examples = integerOption(
  'examples',
  options.examples ?? (options.quick ? '10000' : '30000'),
  100,
  60_000,
);
const rounds = integerOption('rounds', options.rounds ?? (options.quick ? '5' : '30'), 1, 1000);
const workers = integerOption('workers', options.workers, 1, 64);
const seeds = options.seeds!.split(',').filter((seed) => seed !== '');
const names = options.rows?.split(';').map((name) => name.trim());
const rows = ROWS.filter(({ name }) => names === undefined || name === 'float32' || names.includes(name));
if (seeds.length === 0 || (names !== undefined && rows.length < names.length)) {
  console.error(
    `--rows: some of "${ROWS.map(({ name }) => name).join('; ')}"; --seeds: names, with commas between them.`,
  );
  process.exit(2);
}
const startedMs = performance.now();

try {
  const { train, test } = await loadMnist();
  const units = rows.flatMap((row) => seeds.map((seed) => ({ row, seed })));
  const setup = { train, test, examples, rounds };
  const outcomes = await runUnits(units, workers, setup, {
    onRound: (unit, round) =>
      round % 10 === 0 && progress(`  ${unit.row.name}, seed ${unit.seed}: round ${round}`),
    onDone: (unit, { accuracy }, seconds) =>
      progress(
        `${unit.row.name}, seed ${unit.seed}: ${(100 * accuracy).toFixed(2)} %, ${seconds.toFixed(0)} s`,
      ),
  });
  const results = summarize(rows, units, outcomes);
  console.log(`\n${tableOf(results)}\n`);
  const bounds = boundsOf(results);
  for (const { name, isMet, reached } of bounds)
    console.log(`${isMet ? 'met' : 'MISSED'}: ${name} (${reached})`);
  writeJson(options.json, { examples, rounds, seeds, results, bounds });
  if (options.check && !bounds.every(({ isMet }) => isMet)) process.exitCode = 1;
} catch (thrown) {
  console.error(thrown instanceof MurmurationError ? `${thrown.code}: ${thrown.message}` : thrown);
  process.exitCode = 1;
}

function progress(text: string): void {
  console.log(`${((performance.now() - startedMs) / 1000).toFixed(0).padStart(5)} s  ${text}`);
}
