/** What stands for "not known" in the tables people have. Compared in lower case, without outer white space. */
const MISSING = new Set(['', '?', 'na', 'n/a', '#n/a', 'nan', 'null']);
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const NUMBER_WITH_COMMA = /^[+-]?(\d+,?\d*|,\d+)(e[+-]?\d+)?$/i;

export type DecimalSeparator = '.' | ',';

export function isMissing(cell: string): boolean {
  return MISSING.has(cell.trim().toLowerCase());
}

/**
 * The number a cell holds, or undefined where it holds something else. Strict: no thousands separators, no
 * units, no hexadecimal, no infinity, so that nothing is read as a number by accident.
 */
export function parseNumber(cell: string, decimalSeparator: DecimalSeparator = '.'): number | undefined {
  const text = cell.trim();
  if (!(decimalSeparator === ',' ? NUMBER_WITH_COMMA : NUMBER).test(text)) return undefined;
  const value = Number(decimalSeparator === ',' ? text.replace(',', '.') : text);
  return Number.isFinite(value) ? value : undefined;
}

/**
 * Finds the index of a label or category: spelled exactly so, or the same number written another way
 * (`2.0` for `2`), which is what a table turns into when a program with floating-point columns saves it.
 */
export function labelIndex(labels: readonly string[]): (cell: string) => number | undefined {
  const indices = new Map(labels.map((label, index) => [label, index]));
  return (cell) => {
    const text = cell.trim();
    const exact = indices.get(text);
    if (exact !== undefined) return exact;
    const value = parseNumber(text);
    return value === undefined ? undefined : indices.get(String(value));
  };
}
