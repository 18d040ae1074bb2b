import type { Layout } from '../../shared/update/index.ts';

/** How far two models are apart in some of their weights. */
export interface WeightDistance {
  /** ‖to − from‖₂. */
  readonly l2: number;
  /** ‖to − from‖₂ / ‖from‖₂; null where from is all zero. */
  readonly relative: number | null;
  /** Of the angle between them, −1 to 1; null where one of them is all zero. */
  readonly cosine: number | null;
}

export interface LayerDistance extends WeightDistance {
  readonly name: string;
}

export interface WeightComparison extends WeightDistance {
  /** One for each parameter of the layout, in its order. */
  readonly layers: readonly LayerDistance[];
}

interface Sums {
  readonly difference: number;
  readonly from: number;
  readonly to: number;
  readonly product: number;
}

/** Distances between two models of one layout, of each parameter and of all together; sums are in doubles. */
export function compareWeights(layout: Layout, from: Float32Array, to: Float32Array): WeightComparison {
  const sums = layout.parameters.map(({ offset, length }) => sumsOf(from, to, offset, offset + length));
  const all = sums.reduce(
    (total, each) => ({
      difference: total.difference + each.difference,
      from: total.from + each.from,
      to: total.to + each.to,
      product: total.product + each.product,
    }),
    { difference: 0, from: 0, to: 0, product: 0 },
  );
  const layers = layout.parameters.map(({ name }, i) => ({ name, ...distanceOf(sums[i]!) }));
  return { ...distanceOf(all), layers };
}

function sumsOf(a: Float32Array, b: Float32Array, start: number, end: number): Sums {
  let difference = 0;
  let from = 0;
  let to = 0;
  let product = 0;
  for (let i = start; i < end; i++) {
    const x = a[i]!;
    const y = b[i]!;
    difference += (y - x) ** 2;
    from += x * x;
    to += y * y;
    product += x * y;
  }
  return { difference, from, to, product };
}

function distanceOf({ difference, from, to, product }: Sums): WeightDistance {
  return {
    l2: Math.sqrt(difference),
    relative: from === 0 ? null : Math.sqrt(difference / from),
    // Rounding may carry it past the ends.
    cosine: from === 0 || to === 0 ? null : Math.max(-1, Math.min(1, product / Math.sqrt(from * to))),
  };
}
