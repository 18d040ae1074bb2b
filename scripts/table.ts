/** A table for a terminal, or Markdown's. Numbers stand right. @param rows as many cells each as there are columns. */
export function formatTable(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumeric = columns.map(
    (_, i) => rows.length > 0 && rows.every((row) => /^[−-]?\d/.test(text(row[i]))),
  );
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...rows.map((row) => text(row[i]).length)),
  );
  const line = (cells: readonly Cell[]): string =>
    `| ${cells.map((cell, i) => pad(text(cell), widths[i]!, isNumeric[i]!)).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => `${'-'.repeat(width + 1)}${isNumeric[i] ? ':' : '-'}`).join('|')}|`;
  return [line(columns), rule, ...rows.map(line)].join('\n');
}

type Cell = string | number | undefined;

function text(cell: Cell): string {
  return cell === undefined ? '–' : String(cell);
}

function pad(value: string, width: number, right: boolean): string {
  return right ? value.padStart(width) : value.padEnd(width);
}

/** Thousands set off by commas: 1,000,000. */
export function grouped(value: number, decimals = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** The value below which this share (0 to 1) of the values lies: nearest rank. @throws for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const found = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (found === undefined) throw new Error('There is nothing to summarize.');
  return found;
}
