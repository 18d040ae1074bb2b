import type { NativeKernels } from '../native/exports.ts';
import type { Axis } from './conv2d-geometry.ts';

/** So that a block stays in the second-level cache of a small device, with what is computed from it. */
const MAX_FRAME_NUMBERS = 2 ** 16;
const MAX_POSITIONS = 1024;
/** Images with fewer positions share a block: enough that its last tile, partly empty, costs little. */
const MIN_POSITIONS = 192;

/** Images on the heap, [images, height, width, channels]. */
export interface Images {
  readonly pointer: number;
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** What is computed at a time: a few whole images, or a band of window rows of one. */
export interface Block {
  readonly firstImage: number;
  readonly images: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** How images are cut into blocks and those laid into frames: with padding, as far as windows reach. */
export interface Framing {
  readonly source: Images;
  readonly blocks: readonly Block[];
  /** Source coordinates of the upper left corner of the frame of window row 0. */
  readonly top: number;
  readonly left: number;
  readonly step: number;
  /** Rows of a frame beyond `step` per window row. */
  readonly overlap: number;
  readonly frameWidth: number;
  /** Whether no window reaches into padding, so that images need no frame. */
  readonly inside: boolean;
}

/** Frames that serve all of these axes; those of one direction have the same step. */
export function framing(
  source: Images,
  rows: readonly Axis[],
  columns: readonly Axis[],
  maxImages = Infinity,
): Framing {
  const across = extent(columns);
  const down = extent(rows);
  const windowRows = Math.max(...rows.map(({ windows }) => windows));
  const windowColumns = Math.max(...columns.map(({ windows }) => windows));
  const step = rows[0]!.step;
  // Not from where the rows end: the last window of one axis may lie above that of another, but not inside a band.
  const overlap = Math.max(...rows.map(({ start, taps }) => start + taps)) - down.start - step;
  const frameWidth = across.end - across.start;
  const rowsThatFit = Math.floor(MAX_FRAME_NUMBERS / (frameWidth * source.channels * step));
  const bandRows = Math.max(1, Math.min(windowRows, rowsThatFit, Math.floor(MAX_POSITIONS / windowColumns)));
  const imageNumbers = (windowRows * step + overlap) * frameWidth * source.channels;
  const imagesThatFit = Math.floor(
    Math.min(MIN_POSITIONS / (windowRows * windowColumns), MAX_FRAME_NUMBERS / imageNumbers),
  );
  const together = bandRows < windowRows ? 1 : imagesThatFit;
  const imagesAtOnce = Math.max(1, Math.min(together, source.images, maxImages));
  const blocks: Block[] = [];
  for (let firstImage = 0; firstImage < source.images; firstImage += imagesAtOnce) {
    const images = Math.min(imagesAtOnce, source.images - firstImage);
    for (let firstRow = 0; firstRow < windowRows; firstRow += bandRows)
      blocks.push({ firstImage, images, firstRow, rows: Math.min(bandRows, windowRows - firstRow) });
  }
  const inside =
    down.start >= 0 && across.start >= 0 && down.end <= source.height && across.end <= source.width;
  return { source, blocks, top: down.start, left: across.start, step, overlap, frameWidth, inside };
}

function extent(axes: readonly Axis[]): { start: number; end: number } {
  return {
    start: Math.min(...axes.map(({ start }) => start)),
    end: Math.max(...axes.map(({ start, windows, step, taps }) => start + (windows - 1) * step + taps)),
  };
}

/** Where the frames of a block lie: bytes. */
export interface Frames {
  readonly pointer: number;
  readonly bytesPerImage: number;
  readonly pitch: number;
}

/** The images themselves, seen as the frames of a block. Only where `inside` holds. */
export function framesInPlace({ source, top, left, step }: Framing, block: Block): Frames {
  const { pointer, height, width, channels } = source;
  const pitch = width * channels * 4;
  const bytesPerImage = height * pitch;
  const row = top + block.firstRow * step;
  return {
    pointer: pointer + block.firstImage * bytesPerImage + row * pitch + left * channels * 4,
    bytesPerImage,
    pitch,
  };
}

/** Bytes that the frames of the largest block take. */
export function frameBytes(framing: Framing): number {
  return Math.max(
    0,
    ...framing.blocks.map(({ images, rows }) => images * frameRowsOf(framing, rows) * pitchOf(framing)),
  );
}

/** Copies a block into frames. @param to cleared before the first block, and not written to by others since. */
export function copyIntoFrames(framing: Framing, block: Block, to: number, native: NativeKernels): Frames {
  const { pointer, height, width, channels } = framing.source;
  const { firstRow, firstColumn, columns, rows, pitch, margin } = frameLayout(framing, block);
  const sourcePitch = width * channels * 4;
  native.frameRows(
    pointer + block.firstImage * height * sourcePitch,
    block.images,
    height * sourcePitch,
    sourcePitch,
    height,
    firstRow,
    firstColumn * channels * 4,
    columns * channels * 4,
    to,
    rows * pitch,
    pitch,
    rows,
    margin,
  );
  return { pointer: to, bytesPerImage: rows * pitch, pitch };
}

/** What of the source the frames of a block hold, and where: pitch and margin, left of the first column, in bytes. */
export function frameLayout(framing: Framing, block: Block) {
  const { source, top, left, step, frameWidth } = framing;
  const firstColumn = Math.max(0, left);
  return {
    firstRow: top + block.firstRow * step,
    rows: frameRowsOf(framing, block.rows),
    firstColumn,
    columns: Math.max(0, Math.min(source.width, left + frameWidth) - firstColumn),
    pitch: pitchOf(framing),
    margin: (firstColumn - left) * source.channels * 4,
  };
}

function frameRowsOf({ step, overlap }: Framing, windowRows: number): number {
  return windowRows * step + overlap;
}

function pitchOf({ frameWidth, source }: Framing): number {
  return frameWidth * source.channels * 4;
}
