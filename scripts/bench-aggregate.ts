import { cpus } from 'node:os';
import { failuresOf, scaleOf } from './bench-aggregate/bounds.ts';
import { measure } from './bench-aggregate/measure.ts';
import { report } from './bench-aggregate/report.ts';
import { SIZE, tasksOf } from './bench-aggregate/tasks.ts';
import { startTfjs } from './bench-aggregate/tfjs.ts';
import { integerOption, readOptions, writeJson } from './options.ts';
import { grouped } from './table.ts';

/** Putting 50 updates of a million float32 numbers together on one core: ours, plain loops, tfjs on WASM, against memcpy. */
const options = readOptions({ runs: { type: 'string', default: '9' } });
const runs = integerOption('runs', options.runs, 1, 100);

const timings = measure(tasksOf(await startTfjs()), runs);

const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`;
const scale = scaleOf(timings);
console.log(
  `${machine}; Node ${process.versions.node}; ${SIZE.rows} updates × ${grouped(SIZE.length)} float32; up to ${runs} rounds.\n`,
);
console.log(report(timings));
if (scale > 1)
  console.log(
    `memcpy is slower than 9.6 GB/s here: bounds in milliseconds are ${grouped(scale, 2)} times as large.`,
  );
writeJson(options.json, {
  ...{ date: new Date().toISOString(), machine, node: process.versions.node },
  ...{ ...SIZE, scale, timings },
});
const failures = failuresOf(timings);
for (const failure of failures) console.error(failure);
if (options.check && failures.length > 0) process.exitCode = 1;
