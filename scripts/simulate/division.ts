import { check } from '../../shared/errors/index.ts';
import { type SeededRandom, seededRandom } from '../../shared/random/index.ts';
import { drawNormal, type Partition } from '../../shared/simulate/index.ts';
import type { ExampleTable } from './example-table.ts';

/** Which examples belong to whom: by a list for each client, or drawn for a client when it is asked for. */
export type Division = Partition | DrawnDivision;

/** Each client's examples are drawn with replacement by its index: so there may be any number of clients. */
export interface DrawnDivision {
  readonly seed: string;
  readonly examplesPerClient: number;
  readonly by: DivisionBy;
}

/**
 * `iid`: from all. `shards`: from so many classes, drawn for each client (as McMahan et al. 2017 have it, but for the
 * replacement). `dirichlet`: from classes in proportions drawn from Dirichlet(alpha) (Hsu, Qi, Brown 2019).
 */
export type DivisionBy =
  | { readonly kind: 'iid' }
  | { readonly kind: 'shards'; readonly classes: number }
  | { readonly kind: 'dirichlet'; readonly alpha: number };

/** @returns what tells the rows of a client. */
export function rowsOf(division: Division, table: ExampleTable): (client: number) => ArrayLike<number> {
  if (isPartition(division))
    return (client) => {
      const rows = division[client];
      check(rows !== undefined, 'argument.invalid', `There is no client ${client}.`);
      return rows;
    };
  const { by, examplesPerClient } = division;
  const root = seededRandom(division.seed).fork('examples');
  const byClass = by.kind === 'iid' ? [] : rowsByClass(table);
  return (client) => {
    const random = root.fork(client);
    const pick = by.kind === 'iid' ? () => random.below(table.count) : classPicker(by, byClass, random);
    return Uint32Array.from({ length: examplesPerClient }, pick);
  };
}

function isPartition(division: Division): division is Partition {
  return Array.isArray(division);
}

function rowsByClass({ count, targets }: ExampleTable): readonly (readonly number[])[] {
  const byClass: number[][] = [];
  for (let row = 0; row < count; row++) {
    const label = targets[row]!;
    byClass[label] ??= [];
    byClass[label].push(row);
  }
  return byClass.filter((rows) => rows !== undefined);
}

function classPicker(
  by: Exclude<DivisionBy, { kind: 'iid' }>,
  byClass: readonly (readonly number[])[],
  random: SeededRandom,
): () => number {
  const weights = byClass.map((rows) =>
    by.kind === 'shards' ? rows.length : drawGamma(by.alpha, random) + Number.MIN_VALUE,
  );
  if (by.kind === 'shards') {
    const kept = new Set<number>();
    while (kept.size < Math.min(by.classes, byClass.length)) kept.add(random.below(byClass.length));
    for (let label = 0; label < weights.length; label++) if (!kept.has(label)) weights[label] = 0;
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return () => {
    let left = random.uniform() * total;
    let label = weights.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    // Rounding may leave a rest behind the last.
    if (label < 0) label = weights.findLastIndex((weight) => weight > 0);
    const rows = byClass[label]!;
    return rows[random.below(rows.length)]!;
  };
}

/** Of this shape and scale 1 (Marsaglia and Tsang 2000; below shape 1, their section 6). */
function drawGamma(shape: number, random: SeededRandom): number {
  if (shape < 1) return drawGamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const z = drawNormal(random);
    const v = (1 + c * z) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * z * z + d - d * v + d * Math.log(v)) return d * v;
  }
}
