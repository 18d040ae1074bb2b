/** Of a float32 that goes along: the least and the greatest value of each vector. */
const RANGE_BITS = 2 * 32;

/**
 * Bits that arithmetic coding of a vector of few distinct values takes, by the bound of Suresh et al. 2017, section 4: its entropy, two
 * bits, the histogram, k log₂(e (d + k) / k), and its range.
 */
export function arithmeticCodingBits(values: ArrayLike<number>): number {
  const counts = new Map<number, number>();
  for (let i = 0; i < values.length; i++) counts.set(values[i]!, (counts.get(values[i]!) ?? 0) + 1);
  const distinct = counts.size;
  if (distinct === 0) return RANGE_BITS + 2;
  let information = 0;
  for (const count of counts.values()) information -= count * Math.log2(count / values.length);
  const histogram = distinct * Math.log2((Math.E * (values.length + distinct)) / distinct);
  return information + histogram + RANGE_BITS + 2;
}

/** Bits of values on `levels` levels in vectors of which each has its own range: log₂(levels) each, and 64 for each vector. */
export function fixedCodingBits(values: number, levels: number, vectors: number): number {
  return Math.log2(levels) * values + RANGE_BITS * vectors;
}
