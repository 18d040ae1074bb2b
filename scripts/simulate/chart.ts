/** A curve as text, in braille: each character is two points wide and four high. */
export interface ChartOptions {
  readonly title: string;
  /** Characters. */
  readonly width: number;
  readonly height: number;
  /** Of the horizontal axis: 1 to this. */
  readonly last: number;
  /** Of the vertical axis; left out, from what there is. */
  readonly range?: readonly [number, number];
  readonly format: (value: number) => string;
}

export interface ChartPoint {
  readonly round: number;
  readonly value: number;
}

const AXIS = 8;
/** Bits of U+2800 by column and row of a character. */
const DOTS = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
] as const;

/** @returns `height` + 2 lines of the same width: the title, the curve with its axis, the rounds. */
export function chartLines(points: readonly ChartPoint[], options: ChartOptions): string[] {
  const { title, width, height, last, format } = options;
  const [low, high] = options.range ?? rangeOf(points);
  const cells = new Uint8Array(width * height);
  const [columns, rows] = [2 * width, 4 * height];
  const columnOf = (round: number) =>
    Math.min(columns - 1, Math.floor(((round - 1) / Math.max(1, last - 1)) * (columns - 1)));
  const rowOf = (value: number) => {
    const part = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
    return Math.round((1 - part) * (rows - 1));
  };
  const dot = (x: number, y: number): void => {
    cells[(y >> 2) * width + (x >> 1)]! |= DOTS[x & 1]![y & 3]!;
  };
  points.forEach((point, i) => {
    const [x, y] = [columnOf(point.round), rowOf(point.value)];
    const before = i === 0 ? point : points[i - 1]!;
    const [fromX, fromY] = [columnOf(before.round), rowOf(before.value)];
    const steps = Math.max(1, Math.abs(x - fromX), Math.abs(y - fromY));
    for (let step = 0; step <= steps; step++)
      dot(Math.round(fromX + ((x - fromX) * step) / steps), Math.round(fromY + ((y - fromY) * step) / steps));
  });
  const curve = Array.from({ length: height }, (_, row) => {
    const label = row === 0 ? format(high) : row === height - 1 ? format(low) : '';
    const line = Array.from(cells.subarray(row * width, (row + 1) * width), (bits) =>
      String.fromCharCode(0x2800 + bits),
    );
    return `${label.padStart(AXIS - 2)} │${line.join('')}`;
  });
  const foot = `${' '.repeat(AXIS - 1)}1${String(last).padStart(width - 1, '─')} `;
  return [`${' '.repeat(AXIS)}${title}`.padEnd(AXIS + width).slice(0, AXIS + width), ...curve, foot].map(
    (line) => line.slice(0, AXIS + width).padEnd(AXIS + width),
  );
}

function rangeOf(points: readonly ChartPoint[]): readonly [number, number] {
  if (points.length === 0) return [0, 1];
  const values = points.map(({ value }) => value);
  return [Math.min(...values), Math.max(...values)];
}

/** Charts next to each other. */
export function sideBySide(charts: readonly (readonly string[])[]): string[] {
  const [first = []] = charts;
  return first.map((_, line) => charts.map((chart) => chart[line]).join('  '));
}
