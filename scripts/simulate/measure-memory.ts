import { readFile, writeFile } from 'node:fs/promises';
import type { SimulationPlan } from './plan.ts';
import { openLaboratory, runPlan } from './run.ts';
import { peakBytes } from './summary.ts';

/** Runs the plan in the file that the first argument names, and writes its peak memory into the second. For check.ts. */
const [planFile, outFile] = process.argv.slice(2) as [string, string];
const plan = JSON.parse(await readFile(planFile, 'utf8')) as SimulationPlan;
const laboratory = await openLaboratory(plan);
try {
  await writeFile(outFile, String(peakBytes(await runPlan(plan, laboratory))));
} finally {
  await laboratory.pool.close();
}
