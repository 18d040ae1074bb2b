import { sumOver, type Values, valuesOf } from './values.ts';

/** x·kernel + bias along the last axis. @param kernel [features, units]. */
export function affine(x: Values, kernel: Values, bias: Values | undefined): Values {
  const [features, units] = kernel.shape as [number, number];
  return valuesOf([...x.shape.slice(0, -1), units], (index) => {
    const unit = index % units;
    const row = Math.floor(index / units) * features;
    return (
      sumOver(features, (k) => x.data[row + k]! * kernel.data[k * units + unit]!) + (bias?.data[unit] ?? 0)
    );
  });
}

/** The row of each id. @param ids [batch, length]. @param table [vocabulary, units]. */
export function lookUp(ids: Values, table: Values): Values {
  const units = table.shape[1]!;
  return valuesOf(
    [...ids.shape, units],
    (index) => table.data[ids.data[Math.floor(index / units)]! * units + (index % units)]!,
  );
}

/** @param table [a, b]. @returns [b, a]. */
export function transposed(table: Values): Values {
  const [rows, columns] = table.shape as [number, number];
  return valuesOf(
    [columns, rows],
    (index) => table.data[(index % rows) * columns + Math.floor(index / rows)]!,
  );
}

/** PE(position, 2i) = sin(position / 10000^(2i/units)), PE(position, 2i + 1) = cos of it (Vaswani et al. 2017, 3.5). */
export function sinusoids(length: number, units: number): Values {
  return valuesOf([length, units], (index) => {
    const position = Math.floor(index / units);
    const i = Math.floor((index % units) / 2);
    const angle = position / 10_000 ** ((2 * i) / units);
    return index % units === 2 * i ? Math.sin(angle) : Math.cos(angle);
  });
}

/**
 * softmax(q·kᵀ / √keySize)·v, with `heads` slices of q, k and v side by side (Vaswani et al. 2017, 3.2).
 * @param queries, keys, values [batch, length, heads × keySize].
 */
export function attend(
  { queries, keys, values }: { readonly queries: Values; readonly keys: Values; readonly values: Values },
  heads: number,
  causal: boolean,
): Values {
  const [batch, length, width] = queries.shape as [number, number, number];
  const keySize = width / heads;
  const data: number[] = [];
  for (let example = 0; example < batch; example++) {
    for (let position = 0; position < length; position++) {
      const seen = causal ? position + 1 : length;
      for (let head = 0; head < heads; head++) {
        const at = (x: Values, where: number, k: number) =>
          x.data[(example * length + where) * width + head * keySize + k]!;
        const scores = Array.from(
          { length: seen },
          (_, other) =>
            sumOver(keySize, (k) => at(queries, position, k) * at(keys, other, k)) / Math.sqrt(keySize),
        );
        const weights = softmax(scores);
        for (let k = 0; k < keySize; k++) {
          data.push(sumOver(seen, (other) => weights[other]! * at(values, other, k)));
        }
      }
    }
  }
  return { shape: [batch, length, width], data };
}

export function softmax(scores: readonly number[]): number[] {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}
