import { sumOver, type Values } from './values.ts';

interface Sliding {
  readonly size: number;
  readonly strides: number;
  readonly padding: 'same' | 'valid';
}

/** x ∗ kernel. @param x [batch, h, w, channels]. @param kernel [size, size, channels, filters]. */
export function convolution(x: Values, kernel: Values, strides: number, padding: 'same' | 'valid'): Values {
  const [size, , channels, filters] = kernel.shape as [number, number, number, number];
  return slide(x, { size, strides, padding }, filters, (under, filter) => {
    let total = 0;
    for (const { row, column, at } of under) {
      total += sumOver(
        channels,
        (channel) =>
          at(channel) * kernel.data[((row * size + column) * channels + channel) * filters + filter]!,
      );
    }
    return total;
  });
}

/** Output c·multiplier + q is channel c ∗ its filter q. @param kernel [size, size, channels, multiplier]. */
export function depthwiseConvolution(
  x: Values,
  kernel: Values,
  strides: number,
  padding: 'same' | 'valid',
): Values {
  const [size, , channels, multiplier] = kernel.shape as [number, number, number, number];
  return slide(x, { size, strides, padding }, channels * multiplier, (under, output) => {
    const channel = Math.floor(output / multiplier);
    return under.reduce(
      (total, { row, column, at }) =>
        total +
        at(channel) *
          kernel.data[((row * size + column) * channels + channel) * multiplier + (output % multiplier)]!,
      0,
    );
  });
}

/** The largest, or the mean, of what lies in each window; what lies outside the image does not count. */
export function pool(x: Values, window: Sliding, kind: 'largest' | 'mean'): Values {
  return slide(x, window, x.shape[3]!, (under, channel) => {
    const values = under.map(({ at }) => at(channel));
    return kind === 'largest' ? Math.max(...values) : values.reduce((a, b) => a + b, 0) / values.length;
  });
}

/** A pixel under a window: where in the window, and its channels. */
interface Covered {
  readonly row: number;
  readonly column: number;
  at(channel: number): number;
}

/** One number per place of the window and output. `same`: ⌈length / stride⌉ places, zeros shared out, one more after. */
function slide(
  x: Values,
  { size, strides, padding }: Sliding,
  outputs: number,
  compute: (under: readonly Covered[], output: number) => number,
): Values {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  const places = (length: number) =>
    padding === 'same' ? Math.ceil(length / strides) : Math.floor((length - size) / strides) + 1;
  const before = (length: number) =>
    padding === 'same' ? Math.floor(Math.max(0, (places(length) - 1) * strides + size - length) / 2) : 0;
  const rows = places(height);
  const columns = places(width);

  const covered = (example: number, top: number, left: number): Covered[] => {
    const found: Covered[] = [];
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const y = top + row;
        const z = left + column;
        if (y < 0 || y >= height || z < 0 || z >= width) continue;
        const first = ((example * height + y) * width + z) * channels;
        found.push({ row, column, at: (channel) => x.data[first + channel]! });
      }
    }
    return found;
  };
  const data: number[] = [];
  for (let example = 0; example < batch; example++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const under = covered(example, row * strides - before(height), column * strides - before(width));
        for (let output = 0; output < outputs; output++) data.push(compute(under, output));
      }
    }
  }
  return { shape: [batch, rows, columns, outputs], data };
}
