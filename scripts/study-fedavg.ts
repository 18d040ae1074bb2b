import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { MurmurationError } from '../shared/errors/index.ts';
import { bestSoFar, type CurvePoint, roundsToTarget } from '../shared/simulate/index.ts';
import { compileModel } from '../shared/training/index.ts';
import { makeModel } from '../shared/update/index.ts';
import { integerOption, readOptions, writeJson } from './options.ts';
import { tableOfImages } from './simulate/example-table.ts';
import { curveSvg } from './study-curve.ts';
import { loadMnist, partitionFor, type StudyImages } from './study-data.ts';
import { startWorkerPool } from './study-pool.ts';
import { rateOf, STUDY_ROWS, type StudyRow, studyFederation } from './study-rows.ts';
import { runStudy } from './study-run.ts';
import { removeStudy, type StudyRound, type StudyState } from './study-state.ts';
import { formatTable, grouped } from './table.ts';

/**
 * `npm run study:fedavg -- --row cnn-iid`: how many rounds FedAvg needs on MNIST, beside McMahan et al. 2017. Goes on
 * where it was stopped. Without --rounds it ends at the target; with it, after so many rounds.
 */
const options = readOptions({
  row: { type: 'string', default: '2nn-iid' },
  rounds: { type: 'string' },
  workers: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  seed: { type: 'string', default: 'murmuration' },
  'learning-rate': { type: 'string' },
  'cosine-rounds': { type: 'string' },
  'warm-up': { type: 'boolean' },
  standardized: { type: 'boolean' },
  'budget-minutes': { type: 'string' },
  state: { type: 'string' },
  restart: { type: 'boolean', default: false },
});
const startedMs = performance.now();
const row = chosenRow();
const workers = integerOption('workers', options.workers, 1, 64);
const limit = options.rounds === undefined ? undefined : integerOption('rounds', options.rounds, 1, 100_000);
const budgetMs = numberOption('budget-minutes', options['budget-minutes'], Infinity, Infinity) * 60_000;
const seed = options.seed!;
const stateFile = options.state ?? `.cache/study-fedavg/${row.name}.json`;
const resultBase = stateFile.replace(/\.json$/, '');

const document = studyFederation(row, seed);
const federation = { ...document, rounds: { ...document.rounds, maximum: limit ?? row.maximumRounds } };
const compiled = compileModel(federation);

try {
  const { train, test } = await loadMnist(row.standardized);
  report(await study(train, test), test.count);
} catch (thrown) {
  console.error(thrown instanceof MurmurationError ? `${thrown.code}: ${thrown.message}` : thrown);
  process.exitCode = 1;
}

async function study(train: StudyImages, test: StudyImages): Promise<StudyState> {
  if (options.restart) await removeStudy(stateFile);
  const partition = partitionFor(row, train, seed);
  const pool = await startWorkerPool(workers, {
    federation,
    train: tableOfImages(train),
    test: tableOfImages(test),
    division: partition,
  });
  console.log(
    `${row.name}: ${row.model}, ${grouped(compiled.layout.length)} parameters, ${partition.length} clients (${row.partition}), ${federation.cohort.groupSize} a round, E = ${row.epochs}, B = ${federation.training.batchSize}, ${rateOf(row)}, seed "${seed}" (initial weights, partition, cohorts, order of examples), ${workers} workers (${pool.instructionSet})`,
  );
  try {
    return await runStudy({
      federation,
      layout: compiled.layout,
      initial: makeModel(0, compiled.layout, compiled.initialWeights()),
      examples: partition.map(({ length }) => length),
      compute: pool,
      seed,
      run: `study-${row.name}`,
      stateFile,
      configuration: {
        row: row.name,
        seed,
        learningRate: row.learningRate,
        cosineRounds: row.cosineRounds ?? 0,
        warmUp: row.warmUp ? 1 : 0,
        standardized: row.standardized ? 1 : 0,
        epochs: row.epochs,
        instructionSet: pool.instructionSet,
      },
      isOver: (rounds) => isOver(rounds, test.count),
      onRound: (round) => printRound(round, test.count),
      onNotice: ({ node, level, text, code }) =>
        console.log(`  ${level} on ${node}: ${text}${code === undefined ? '' : ` (${code})`}`),
    });
  } catch (thrown) {
    // What ended the threads says more than what came of it.
    throw pool.failure ?? thrown;
  } finally {
    await pool.close();
  }
}

function isOver(rounds: readonly StudyRound[], testCount: number): boolean {
  const last = rounds.at(-1)!;
  if (limit === undefined && roundsToTarget(curveOf(rounds, testCount), row.target) !== undefined)
    return true;
  // The next round would take about as long as the last.
  if (performance.now() - startedMs + last.seconds * 1000 <= budgetMs) return false;
  console.log('The time is up; the same command goes on from here.');
  return true;
}

function printRound(round: StudyRound, testCount: number): void {
  const { total, correct, lossSum, seconds, clients, clipped, abandoned } = round;
  const parts = [
    `round ${String(round.round).padStart(4)}`,
    total === 0 ? 'not evaluated' : `${((100 * correct) / total).toFixed(2)} %`,
    total === 0 ? '' : `loss ${(lossSum / total).toFixed(4)}`,
    `${seconds.toFixed(1)} s`,
    `clients ${clients.join(' ')}`,
    ...(total === testCount ? [] : [`EVALUATED ON ${total} OF ${testCount}`]),
    ...(clipped === 0 ? [] : [`${clipped} CLIPPED`]),
    ...(abandoned === 0 ? [] : [`AFTER ${abandoned} ABANDONED`]),
  ];
  console.log(parts.filter((part) => part !== '').join('  '));
}

function report(state: StudyState, testCount: number): void {
  const { rounds, trouble } = state;
  const curve = curveOf(rounds, testCount);
  const best = bestSoFar(curve);
  const crossing = roundsToTarget(best, row.target);
  const raw = roundsToTarget(curve, row.target);
  const sum = (of: (round: StudyRound) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const seconds = sum((round) => round.seconds);
  const largestNorm = Math.max(0, ...rounds.map((round) => round.largestNorm));
  const shown = (value: number | undefined) => (value === undefined ? 'not reached' : value.toFixed(1));
  const columns = ['row', 'target', 'rounds', 'raw curve', 'paper', 'of it', 'best', 'done', 'wall time s'];
  console.log(
    `\n${formatTable(columns, [
      [
        row.name,
        `${100 * row.target} %`,
        shown(crossing),
        shown(raw),
        row.paper.rounds,
        crossing === undefined ? undefined : `${((100 * crossing) / row.paper.rounds).toFixed(0)} %`,
        `${(100 * (best.at(-1)?.accuracy ?? 0)).toFixed(2)} %`,
        rounds.length,
        grouped(seconds),
      ],
    ])}`,
  );
  console.log(
    `Paper: McMahan et al. 2017, ${row.paper.where}. Seed "${seed}", ${rateOf(row)}. Clipping at ${federation.strategy.clipNorm} bound ${sum((round) => round.clipped)} times; the longest update had norm ${largestNorm.toPrecision(3)}. ${sum((round) => round.abandoned)} attempts were abandoned, ${trouble.length} warnings.`,
  );
  mkdirSync(dirname(resultBase), { recursive: true });
  const title = `${row.name}: test accuracy, ${rateOf(row)}, seed ${seed}`;
  const figure = { title, points: curve, best, target: row.target, paperRounds: row.paper.rounds };
  writeFileSync(`${resultBase}.svg`, curveSvg(figure));
  const result = {
    row,
    configuration: state.configuration,
    federation: document,
    rounds: { monotone: crossing ?? null, raw: raw ?? null, done: rounds.length },
    seconds,
    clipped: sum((round) => round.clipped),
    largestNorm,
    trouble,
    curve: rounds,
  };
  writeJson(`${resultBase}.curve.json`, result);
  writeJson(options.json, result);
  console.log(`Curve: ${resultBase}.svg and ${resultBase}.curve.json`);
  if (!options.check || row.bound === undefined) return;
  const met = crossing !== undefined && crossing <= row.bound;
  const undecided = crossing === undefined && rounds.length < row.bound;
  const verdict = met ? 'met' : undecided ? `UNDECIDED after ${rounds.length}` : 'MISSED';
  console.log(`${verdict}: at most ${row.bound} rounds`);
  if (!met) process.exitCode = 1;
}

/** Rounds that were evaluated on the whole test set; others say nothing about the target. */
function curveOf(rounds: readonly StudyRound[], testCount: number): CurvePoint[] {
  return rounds
    .filter(({ total }) => total === testCount)
    .map(({ round, correct, total }) => ({ round, accuracy: correct / total }));
}

function chosenRow(): StudyRow {
  const found = STUDY_ROWS.find(({ name }) => name === options.row);
  if (found === undefined) {
    const names = STUDY_ROWS.map(({ name }) => name).join(', ');
    console.error(`--row: expected one of ${names}, received "${options.row}".`);
    process.exit(2);
  }
  return {
    ...found,
    learningRate: numberOption('learning-rate', options['learning-rate'], found.learningRate, 100),
    ...(options['warm-up'] === undefined ? {} : { warmUp: options['warm-up'] }),
    ...(options.standardized === undefined ? {} : { standardized: options.standardized }),
    ...(options['cosine-rounds'] === undefined
      ? {}
      : { cosineRounds: integerOption('cosine-rounds', options['cosine-rounds'], 1, 100_000) }),
  };
}

function numberOption(name: string, text: string | undefined, absent: number, max: number): number {
  if (text === undefined) return absent;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= max) return value;
  const most = max === Infinity ? '' : ` of at most ${max}`;
  console.error(`--${name}: expected a positive number${most}, received "${text}".`);
  process.exit(2);
}
