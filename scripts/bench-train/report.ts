import { formatTable, grouped } from '../table.ts';
import { isTiming, type ProductRate, privateRatio } from './bounds.ts';
import type { Cell, Timing } from './measure.ts';
import type { Product } from './side.ts';

/** @param peakGflops by place; what a core there reaches on registers. */
export function reportTimes(cells: readonly Cell[], peakGflops: ReadonlyMap<string, number>): string {
  const rows = cells.map((cell) => {
    const { where, model, column, plain, private: noisy } = cell;
    const peak = peakGflops.get(where);
    // Graphics hardware has another peak.
    const share =
      peak !== undefined && !/gl|gpu/.test(column) && isTiming(plain) ? plain.gflops / peak : undefined;
    return [
      model,
      column,
      ...(isTiming(plain)
        ? [ms(plain.medianMs), ms(plain.p90Ms), plain.steps, grouped(plain.examplesPerSecond)]
        : ['cannot', undefined, undefined, undefined]),
      isTiming(plain) ? plain.gflops.toFixed(2) : undefined,
      share === undefined ? undefined : `${(100 * share).toFixed(0)} %`,
      ...privateCells(noisy),
      privateRatio(cell)?.toFixed(2),
    ];
  });
  return formatTable(
    [
      'model',
      'column',
      'ms',
      'p90',
      'steps',
      'examples/s',
      'GFLOP/s',
      'of peak',
      'private ms',
      'p90',
      '÷ plain',
    ],
    rows,
  );
}

function privateCells(timing: Timing | string | undefined): (string | undefined)[] {
  if (isTiming(timing)) return [ms(timing.medianMs), ms(timing.p90Ms)];
  return [timing === undefined ? undefined : 'cannot', undefined];
}

/** Why cells say 'cannot', each reason once. */
export function reportReasons(cells: readonly Cell[]): string[] {
  const models = new Map<string, Set<string>>();
  for (const { model, column, plain, private: noisy } of cells) {
    for (const [kind, reason] of [
      ['', plain],
      [', private', noisy],
    ] as const) {
      if (typeof reason !== 'string' || (kind !== '' && reason === plain)) continue;
      const key = `${column}${kind}: ${reason}`;
      models.set(key, (models.get(key) ?? new Set()).add(model));
    }
  }
  return [...models].map(([reason, names]) => `cannot, ${[...names].join(', ')}, ${reason}`);
}

/** How many of our steps on wasm fit in one of stock tfjs. */
export function reportSpeedups(cells: readonly Cell[]): string {
  const ours = cells.filter(({ column, plain }) => column === 'ours-wasm' && isTiming(plain));
  const rows = ours.map(({ where, model, plain }) => [
    where,
    model,
    ...(['stock-cpu', 'stock-wasm'] as const).map((column) => {
      const stock = cells.find(
        (cell) => cell.where === where && cell.model === model && cell.column === column,
      );
      if (stock === undefined) return undefined;
      return isTiming(stock.plain)
        ? (stock.plain.medianMs / (plain as Timing).medianMs).toFixed(1)
        : 'it cannot';
    }),
  ]);
  return formatTable(['where', 'model', 'times stock cpu', 'times stock wasm'], rows);
}

export function reportProducts(rates: readonly ProductRate[]): string {
  return formatTable(
    ['where', 'column', 'product', 'GFLOP/s', 'peak', 'of peak'],
    rates.map(({ where, column, product, gflops, peakGflops }) => [
      where,
      column,
      formula(product),
      gflops.toFixed(1),
      peakGflops.toFixed(1),
      `${((100 * gflops) / peakGflops).toFixed(0)} %`,
    ]),
  );
}

/** `[784, 32]ᵀ · [32, 200]` would be stored so: the shapes as they lie in memory. */
function formula({ rows, inner, columns, transposeA, transposeB }: Product): string {
  const a = transposeA ? `${inner}×${rows}ᵀ` : `${rows}×${inner}`;
  const b = transposeB ? `${columns}×${inner}ᵀ` : `${inner}×${columns}`;
  return `${a} · ${b}`;
}

function ms(value: number): string {
  return grouped(value, value < 100 ? 2 : 0);
}
