/** Stands for all values beyond the bound. */
export const OTHER = 'other';

/**
 * Keeps a label to its first `max` values: each value of a label is a time series for as long as the process lives, and some are chosen by
 * whoever sends something.
 * @returns the value, or undefined where there are too many.
 */
export function boundedLabel(max: number): (value: string) => string | undefined {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= max) return undefined;
    known.add(value);
    return value;
  };
}
