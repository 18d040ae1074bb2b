import { check } from '../errors/index.ts';
import type { Examples } from './examples.ts';

/**
 * Labelled grey images as the server sends them:
 *
 * | bytes                  | content                                   |
 * |------------------------|-------------------------------------------|
 * | 0–3                    | count of images, little-endian uint32     |
 * | 4–7                    | width in pixels, little-endian uint32     |
 * | 8–11                   | height in pixels, little-endian uint32    |
 * | count × width × height | pixels, one byte each, row by row         |
 * | count                  | labels, one byte each                     |
 */
export interface SampleShard {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  /** count × height × width. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly labels: Uint8Array<ArrayBuffer>;
}

const HEADER_BYTES = 12;
const MAX_SIDE = 512;

export function writeSampleShard({
  count,
  width,
  height,
  pixels,
  labels,
}: SampleShard): Uint8Array<ArrayBuffer> {
  check(
    pixels.length === count * width * height && labels.length === count,
    'data.wrong-shape',
    'The images do not fit their count and size.',
    {
      expected: `${count * width * height} pixels and ${count} labels`,
      received: `${pixels.length} pixels and ${labels.length} labels`,
    },
  );
  const bytes = new Uint8Array(HEADER_BYTES + pixels.length + labels.length);
  const view = new DataView(bytes.buffer);
  [count, width, height].forEach((value, i) => {
    view.setUint32(4 * i, value, true);
  });
  bytes.set(pixels, HEADER_BYTES);
  bytes.set(labels, HEADER_BYTES + pixels.length);
  return bytes;
}

/** @throws `data.unreadable` when the lengths do not fit. */
export function readSampleShard(bytes: Uint8Array): SampleShard {
  const remedy = 'Load the sample data again.';
  check(bytes.length >= HEADER_BYTES, 'data.unreadable', 'The sample data is cut short.', {
    expected: `at least ${HEADER_BYTES} bytes`,
    received: `${bytes.length} bytes`,
    remedy,
  });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [count, width, height] = [0, 4, 8].map((at) => view.getUint32(at, true)) as [number, number, number];
  const pixelCount = count * width * height;
  check(
    width >= 1 &&
      height >= 1 &&
      width <= MAX_SIDE &&
      height <= MAX_SIDE &&
      bytes.length === HEADER_BYTES + pixelCount + count,
    'data.unreadable',
    'The sample data has the wrong length.',
    {
      expected: `${HEADER_BYTES + pixelCount + count} bytes for ${count} images of ${width} × ${height}`,
      received: `${bytes.length} bytes`,
      remedy,
    },
  );
  return {
    count,
    width,
    height,
    pixels: bytes.slice(HEADER_BYTES, HEADER_BYTES + pixelCount),
    labels: bytes.slice(HEADER_BYTES + pixelCount),
  };
}

/** The images as examples of an image schema with one channel whose labels are `0`, `1` and so on. */
export function sampleExamples({ count, pixels, labels }: SampleShard): Examples {
  return { count, inputs: pixels, targets: Uint16Array.from(labels) };
}
