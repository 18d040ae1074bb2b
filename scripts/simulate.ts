import { readFile, writeFile } from 'node:fs/promises';
import { MurmurationError } from '../shared/errors/index.ts';
import { compileModel } from '../shared/training/index.ts';
import { writeJson } from './options.ts';
import { checkBounds, measureScaling, printCriteria } from './simulate/check.ts';
import { planOf, readCommandLine, type SimulationPlan } from './simulate/plan.ts';
import { createProgress } from './simulate/progress.ts';
import { reportHtml } from './simulate/report.ts';
import { openLaboratory, type RoundResult, runPlan } from './simulate/run.ts';
import { sampleFederation } from './simulate/sample-federation.ts';
import { summaryRows } from './simulate/summary.ts';
import { formatTable } from './table.ts';

/**
 * `npm run simulate -- federation.json --clients 10000 --attack sign-flip:0.25 --dropout 0.1`: a federation with very many devices
 * in one process, by the engine that browsers and server run. Without a file, the 2NN on digits.
 */
const interruption = new AbortController();
process.once('SIGINT', () => {
  console.log('\nEnding after what is being computed; again to end at once.');
  interruption.abort(new MurmurationError('aborted', 'The simulation was interrupted.'));
});

try {
  await main();
} catch (thrown) {
  const isNamed = thrown instanceof MurmurationError;
  console.error(isNamed ? `${thrown.code}: ${thrown.message}` : thrown);
  process.exitCode = isNamed && thrown.code === 'argument.invalid' ? 2 : 1;
}

async function main(): Promise<void> {
  const { file, values } = readCommandLine(process.argv.slice(2));
  const document = file === undefined ? sampleFederation : await readDocument(file);
  const plan = planOf(document, values, (federation) => compileModel(federation).layout.length);
  if (values.scaling) {
    if (!printCriteria(await measureScaling(plan)) && values.check) process.exitCode = 1;
    return;
  }
  const laboratory = await openLaboratory(plan);
  try {
    console.log(
      `${plan.federation.name}: ${laboratory.compiled.layout.length.toLocaleString('en-US')} parameters, ${plan.clients.toLocaleString('en-US')} clients, seed "${plan.seed}", ${plan.workers} workers (${laboratory.pool.instructionSet})\n${laboratory.datasets.name}`,
    );
    const progress = createProgress(process.stdout, plan.rounds);
    const results: RoundResult[] = [];
    try {
      await runPlan(plan, laboratory, {
        ...(values.resume === undefined ? {} : { stateFile: values.resume }),
        signal: interruption.signal,
        onRound: (result) => {
          results.push(result);
          progress.round(result);
        },
        onNotice: ({ node, level, text, code }) =>
          progress.note(`  ${level} on ${node}: ${text}${code === undefined ? '' : ` (${code})`}`),
      });
    } catch (thrown) {
      // What ended the threads says more than what came of it.
      throw laboratory.pool.failure ?? thrown;
    } finally {
      await publish(plan, results, values);
    }
    if (!values.check || interruption.signal.aborted) return;
    if (!printCriteria(await checkBounds(plan, laboratory, results))) process.exitCode = 1;
  } finally {
    await laboratory.pool.close();
  }
}

/** Also what there is of a simulation that ended before its time. */
async function publish(
  plan: SimulationPlan,
  results: readonly RoundResult[],
  { json, html }: { readonly json?: string | undefined; readonly html?: string | undefined },
): Promise<void> {
  const summary = summaryRows(plan, results);
  console.log(`\n${formatTable(['', ''], summary)}\n`);
  writeJson(json, { plan, summary: Object.fromEntries(summary), rounds: results });
  if (html !== undefined) await writeFile(html, reportHtml(plan, results, new Date()));
}

async function readDocument(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new MurmurationError('federation.invalid', 'The federation cannot be read.', {
      path: file,
      expected: 'a JSON file',
      received: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
