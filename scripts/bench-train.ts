import { cpus } from 'node:os';
import { TRAINING_MODELS, type TrainingModel } from '../shared/testing/training-models.ts';
import { BOUNDED_PRODUCT, failuresOf, type ProductRate } from './bench-train/bounds.ts';
import { chromiumHost } from './bench-train/chromium.ts';
import type { Host } from './bench-train/host.ts';
import { type Cell, measureModel, type Opened, openSides, type Plan } from './bench-train/measure.ts';
import { nodeHost } from './bench-train/process.ts';
import { reportProducts, reportReasons, reportSpeedups, reportTimes } from './bench-train/report.ts';
import { COLUMNS, type Column, type Product } from './bench-train/side.ts';
import { integerOption, readOptions, writeJson } from './options.ts';

/**
 * What a training step costs: stock tfjs and our engine beside each other, in Node and in a worker of Chromium, with
 * and without the clipping and noise of DP-SGD, in arithmetic that a reader can count and as a share of what one
 * core can do.
 */
const BATCH = 32;
/** Ours on wasm only, of the model whose noise costs most beside its step: what larger private batches cost. */
const LARGE_BATCHES = { model: 'mlp', sizes: [256, 600] } as const;
const PLAN: Plan = { batchSize: BATCH, steps: 60, budgetMs: 4000 };
/** For one call. A backend in software compiles for most of a minute. */
const LIMIT_MS = 90_000;
const PRODUCT_REPEATS = 15;

/** The large one of the bound, then products of the models: forward, gradient of the weights, of the inputs. */
const PRODUCTS: readonly Product[] = [
  BOUNDED_PRODUCT,
  // First two layers of the MLP.
  { rows: 32, inner: 784, columns: 200 },
  { rows: 784, inner: 32, columns: 200, transposeA: true },
  { rows: 32, inner: 200, columns: 200, transposeB: true },
  // The dense layer of the CNN of McMahan et al.
  { rows: 32, inner: 3136, columns: 512 },
  { rows: 3136, inner: 32, columns: 512, transposeA: true },
  { rows: 32, inner: 512, columns: 3136, transposeB: true },
  // The perceptron of the transformer.
  { rows: 1024, inner: 64, columns: 256 },
  { rows: 64, inner: 1024, columns: 256, transposeA: true },
];

const options = readOptions({
  rows: { type: 'string' },
  columns: { type: 'string' },
  where: { type: 'string' },
  steps: { type: 'string' },
  gpu: { type: 'boolean', default: false },
});
const models: readonly TrainingModel[] = listOption('rows', options.rows, TRAINING_MODELS);
const columns: readonly Column[] = listOption('columns', options.columns, COLUMNS);
const places = listOption('where', options.where, ['node', 'chromium'] as const);
const plan: Plan =
  options.steps === undefined ? PLAN : { ...PLAN, steps: integerOption('steps', options.steps, 1, 10_000) };

const cells: Cell[] = [];
const largeCells: Cell[] = [];
const products: ProductRate[] = [];
const devices: string[] = [];
for (const place of places) {
  const host = place === 'node' ? nodeHost() : await chromiumHost(options.gpu);
  try {
    await measureHost(host);
  } finally {
    await host.close();
  }
}

const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores`;
const peaks = new Map(products.map(({ where, peakGflops }) => [where, peakGflops]));
console.log(`${machine}\n${devices.join('\n')}\n`);
for (const where of new Set(cells.map((cell) => cell.where))) {
  const here = cells.filter((cell) => cell.where === where);
  console.log(`${where}, batch ${BATCH}. Median of the steps; private: clipped per example, with noise.`);
  console.log([reportTimes(here, peaks), ...reportReasons(here), ''].join('\n'));
}
console.log(`${reportSpeedups(cells)}\n`);
for (const size of LARGE_BATCHES.sizes) {
  const ofSize = largeCells.filter(({ batchSize }) => batchSize === size);
  if (ofSize.length > 0)
    console.log([`Batch ${size}`, reportTimes(ofSize, peaks), ...reportReasons(ofSize), ''].join('\n'));
}
if (products.length > 0) console.log(`Matrix product alone\n${reportProducts(products)}\n`);
const batches = { cells, largeCells };
writeJson(options.json, { date: new Date().toISOString(), machine, devices, ...batches, products });
const failures = failuresOf(cells, largeCells, products);
for (const failure of failures) console.error(failure);
if (options.check && failures.length > 0) process.exitCode = 1;

async function measureHost(host: Host): Promise<void> {
  progress(`${host.name}: starting`);
  const sides = await openSides(host, columns, LIMIT_MS);
  for (const { column, opened } of sides)
    devices.push(`${host.name}, ${column}: ${typeof opened === 'string' ? opened : opened.device}`);
  await measureProducts(host.name, sides);
  for (const model of models) {
    progress(`${host.name}: ${model}`);
    cells.push(...(await measureModel(host.name, model, sides, plan)));
    if (model !== LARGE_BATCHES.model) continue;
    const ours = sides.filter(({ column }) => column === 'ours-wasm');
    for (const batchSize of LARGE_BATCHES.sizes) {
      largeCells.push(...(await measureModel(host.name, model, ours, { ...plan, batchSize })));
    }
  }
}

async function measureProducts(where: string, sides: readonly Opened[]): Promise<void> {
  for (const { column, opened } of sides) {
    if (typeof opened === 'string' || !column.endsWith('wasm')) continue;
    progress(`${where}: matrix products, ${column}`);
    const { peakGflops, gflops } = await opened.side.products(PRODUCTS, PRODUCT_REPEATS);
    PRODUCTS.forEach((product, i) => {
      products.push({ where, column, product, gflops: gflops[i]!, peakGflops });
    });
  }
}

/** Names set apart by commas; all of them when left out. */
function listOption<T extends string>(
  option: string,
  text: string | undefined,
  known: readonly T[],
): readonly T[] {
  if (text === undefined) return known;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !known.includes(name as T));
  if (unknown.length > 0) {
    console.error(`--${option}: expected some of ${known.join(',')}; received "${unknown.join(',')}".`);
    process.exit(2);
  }
  return known.filter((name) => names.includes(name));
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
}
