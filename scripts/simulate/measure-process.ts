import { readFile, writeFile } from 'node:fs/promises';
import { quantile } from '../table.ts';
import type { SimulationPlan } from './plan.ts';
import { openLaboratory, runPlan } from './run.ts';
import { peakBytes } from './summary.ts';

/** What is known of a run that had a process of its own. */
export interface MeasuredProcess {
  readonly peakBytes: number;
  /** Median time of a round, without the first, in which threads compile what they run. */
  readonly roundSeconds: number;
  /** Of the models, by round. */
  readonly hashes: readonly string[];
}

/** Runs the plan in the file that the first argument names, and writes what was measured into the second. For check.ts. */
const [planFile, outFile] = process.argv.slice(2) as [string, string];
const plan = JSON.parse(await readFile(planFile, 'utf8')) as SimulationPlan;
const laboratory = await openLaboratory(plan);
try {
  const results = await runPlan(plan, laboratory);
  const measured: MeasuredProcess = {
    peakBytes: peakBytes(results),
    roundSeconds: quantile(
      results.slice(1).map(({ seconds }) => seconds),
      0.5,
    ),
    hashes: results.map(({ hash }) => hash),
  };
  await writeFile(outFile, JSON.stringify(measured));
} finally {
  await laboratory.pool.close();
}
