import { TRAINING_MODELS, type TrainingModel } from '../../shared/testing/training-models.ts';
import type { Cell, Timing } from './measure.ts';
import type { Product } from './side.ts';

/** The product that the bound is for: large enough that only arithmetic counts. */
export const BOUNDED_PRODUCT: Product = { rows: 512, inner: 512, columns: 512 };

const SMALL_CNN_MS = 50;
const SMALL_CNN_SPEEDUP = 25;
const MLP_SHARE = 0.8;
const PRODUCT_SHARE = 0.5;
const FIRST_LOSS_TOLERANCE = 1e-3;
/**
 * A private step as a multiple of a plain one, and the batch that counts. Noise costs the same for a batch of any
 * size: for the perceptron, whose plain step of 32 takes less time than 199,210 normal numbers, that of Abadi et al.
 * 2016, section 5.2, is taken; the ratio for 32 is printed too.
 */
const PRIVATE_RATIO: Record<TrainingModel, { readonly bound: number; readonly batchSize: number }> = {
  mlp: { bound: 1.1, batchSize: 600 },
  'mcmahan-cnn': { bound: 1.2, batchSize: 32 },
  'small-cnn': { bound: 1.2, batchSize: 32 },
  'depthwise-cnn': { bound: 1.2, batchSize: 32 },
  transformer: { bound: 1.2, batchSize: 32 },
};

export interface ProductRate {
  readonly where: string;
  readonly column: string;
  readonly product: Product;
  readonly gflops: number;
  readonly peakGflops: number;
}

/**
 * Bounds between cells that were not measured are passed over.
 * @param cells of one batch size. @param largeCells of others: only private steps are bounded there.
 */
export function failuresOf(
  cells: readonly Cell[],
  largeCells: readonly Cell[],
  products: readonly ProductRate[],
): string[] {
  const places = [...new Set(cells.map(({ where }) => where))];
  return [
    ...places.flatMap((where) => {
      const here = cells.filter((cell) => cell.where === where);
      return [
        ...speedFailures(here),
        ...TRAINING_MODELS.flatMap((model) => lossFailures(here.filter((cell) => cell.model === model))),
        ...here.flatMap(trainingFailures),
      ].map((failure) => `${where}: ${failure}`);
    }),
    ...[...cells, ...largeCells].flatMap(ratioFailures),
    ...products.flatMap(productFailures),
  ];
}

export function isTiming(timing: Timing | string | undefined): timing is Timing {
  return typeof timing === 'object';
}

/** Of the medians of a private and of a plain step; undefined where one is missing. */
export function privateRatio(cell: Cell): number | undefined {
  return isTiming(cell.plain) && isTiming(cell.private)
    ? cell.private.medianMs / cell.plain.medianMs
    : undefined;
}

function speedFailures(cells: readonly Cell[]): string[] {
  const msOf = (model: TrainingModel, column: Cell['column']): number | undefined => {
    const timing = cells.find((cell) => cell.model === model && cell.column === column)?.plain;
    return isTiming(timing) ? timing.medianMs : undefined;
  };
  const failures: string[] = [];
  const cnn = msOf('small-cnn', 'ours-wasm');
  const stockCnn = msOf('small-cnn', 'stock-cpu');
  if (cnn !== undefined && cnn > SMALL_CNN_MS)
    failures.push(`small-cnn: ${cnn.toFixed(1)} ms on wasm, bound ${SMALL_CNN_MS}`);
  if (cnn !== undefined && stockCnn !== undefined && stockCnn < SMALL_CNN_SPEEDUP * cnn)
    failures.push(`small-cnn: ${(stockCnn / cnn).toFixed(1)} times stock cpu, bound ${SMALL_CNN_SPEEDUP}`);
  const mlp = msOf('mlp', 'ours-wasm');
  const stockMlp = msOf('mlp', 'stock-wasm');
  if (mlp !== undefined && stockMlp !== undefined && mlp > MLP_SHARE * stockMlp)
    failures.push(`mlp: ${(mlp / stockMlp).toFixed(2)} of stock wasm, bound ${MLP_SHARE}`);
  return failures;
}

/** All sides start from the same weights with the same batch: a side whose first loss differs did other work. */
function lossFailures(cells: readonly Cell[]): string[] {
  const losses = cells.flatMap(({ column, model, plain, private: noisy }) =>
    [plain, noisy].filter(isTiming).map(({ firstLoss }) => ({ column, model, firstLoss })),
  );
  const expected = losses[0]?.firstLoss;
  return losses
    .filter(({ firstLoss }) => !(Math.abs(firstLoss - expected!) <= FIRST_LOSS_TOLERANCE))
    .map(
      ({ column, model, firstLoss }) =>
        `${model} on ${column}: first loss ${firstLoss.toFixed(5)}, others ${expected!.toFixed(5)}`,
    );
}

/** Every model of ours trains on every backend. Noise may raise the loss of a private step. */
function trainingFailures({ model, column, plain, private: noisy }: Cell): string[] {
  if (column.startsWith('stock')) return [];
  const name = `${model} on ${column}`;
  const failures: string[] = [];
  if (!isTiming(plain)) failures.push(`${name}: ${plain}`);
  else if (!(plain.lastLoss < plain.firstLoss))
    failures.push(`${name}: the loss went from ${plain.firstLoss} to ${plain.lastLoss}`);
  if (typeof noisy === 'string' && noisy !== plain) failures.push(`${name}, private: ${noisy}`);
  return failures;
}

function ratioFailures(cell: Cell): string[] {
  const ratio = privateRatio(cell);
  const { bound, batchSize } = PRIVATE_RATIO[cell.model];
  return cell.column === 'ours-wasm' && cell.batchSize === batchSize && ratio !== undefined && ratio > bound
    ? [
        `${cell.where}: ${cell.model}: a private step of ${batchSize} takes ${ratio.toFixed(2)} of a plain one, bound ${bound}`,
      ]
    : [];
}

function productFailures({ where, column, product, gflops, peakGflops }: ProductRate): string[] {
  const isBounded = column === 'ours-wasm' && product === BOUNDED_PRODUCT;
  return isBounded && gflops < PRODUCT_SHARE * peakGflops
    ? [`${where}: matrix product at ${(gflops / peakGflops).toFixed(2)} of the peak, bound ${PRODUCT_SHARE}`]
    : [];
}
