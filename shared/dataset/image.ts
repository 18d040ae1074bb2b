import { check } from '../errors/index.ts';
import type { ImageSchema } from '../federation/index.ts';

/** Decoded pixels: RGBA bytes, row by row from the top left. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array | Uint8ClampedArray;
}

/**
 * Scales an image to the size of the schema by the mean over the area that each pixel covers, which neither
 * skips pixels when it shrinks nor rings. Transparent parts are shown on white. With one channel, grey is
 * luma (ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B). The proportions are not kept: all of the image is used.
 * @returns height × width × channels bytes.
 */
export function encodeImage(
  { width, height, rgba }: DecodedImage,
  schema: Pick<ImageSchema, 'width' | 'height' | 'channels'>,
): Uint8Array<ArrayBuffer> {
  check(
    width >= 1 && height >= 1 && rgba.length === width * height * 4,
    'data.wrong-shape',
    'The pixels do not fit the size of the image.',
    { expected: `${width * height * 4} bytes`, received: `${rgba.length} bytes` },
  );
  const columns = coverage(width, schema.width);
  const rows = coverage(height, schema.height);
  const bytes = new Uint8Array(schema.width * schema.height * schema.channels);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      let [red, green, blue] = [0, 0, 0];
      for (let j = 0; j < row.weights.length; j++) {
        for (let i = 0; i < column.weights.length; i++) {
          const weight = row.weights[j]! * column.weights[i]!;
          const from = 4 * ((row.first + j) * width + column.first + i);
          const alpha = rgba[from + 3]! / 255;
          const white = 255 * (1 - alpha);
          red += weight * (rgba[from]! * alpha + white);
          green += weight * (rgba[from + 1]! * alpha + white);
          blue += weight * (rgba[from + 2]! * alpha + white);
        }
      }
      if (schema.channels === 1) bytes[at++] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
      else {
        bytes[at++] = Math.round(red);
        bytes[at++] = Math.round(green);
        bytes[at++] = Math.round(blue);
      }
    }
  }
  return bytes;
}

interface Coverage {
  /** First source pixel covered. */
  readonly first: number;
  /** Share of each source pixel from there on; they sum to 1. */
  readonly weights: readonly number[];
}

/** Which of `from` pixels each of `to` pixels covers, along one side. */
function coverage(from: number, to: number): Coverage[] {
  return Array.from({ length: to }, (_, i) => {
    const start = (i * from) / to;
    const end = ((i + 1) * from) / to;
    const first = Math.min(Math.floor(start), from - 1);
    const last = Math.max(first + 1, Math.min(Math.ceil(end), from));
    const overlaps = Array.from(
      { length: last - first },
      (_, k) => Math.min(end, first + k + 1) - Math.max(start, first + k),
    );
    const sum = overlaps.reduce((total, overlap) => total + overlap, 0);
    return { first, weights: overlaps.map((overlap) => overlap / sum) };
  });
}

/** The label of an image chosen with its folder: the name of the folder it lies in. */
export function folderLabel(relativePath: string): string | undefined {
  return relativePath.split('/').at(-2);
}
