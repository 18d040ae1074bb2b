import { nativeKernels } from '../native/module.ts';
import {
  type Block,
  copyIntoFrames,
  type Frames,
  type Framing,
  frameBytes,
  framesInPlace,
} from './conv2d-frames.ts';
import type { Axis } from './conv2d-geometry.ts';
import { withScratch } from './conv2d-scratch.ts';
import type { WasmBackend } from './wasm-backend.ts';

/** Columns of a panel and positions of a tile, as in native/assembly/conv2d-pack.ts. */
export const PANEL = 8;
const TILE = 6;
const TILE_BYTES = TILE * 8;

export function paddedTo8(numbers: number): number {
  return Math.ceil(numbers / PANEL) * PANEL;
}

/** What is convolved, and where to. Pointers are byte offsets into the heap. */
export interface Convolution {
  readonly framing: Framing;
  readonly rows: readonly Axis[];
  readonly columns: readonly Axis[];
  /** Channels of the result. */
  readonly outputs: number;
  /** One number per output, or null. */
  readonly bias: number | null;
  readonly result: { readonly pointer: number; readonly height: number; readonly width: number };
}

/** What differs between kinds of convolution. */
export interface Kind {
  /** How many numbers `pack` writes. */
  readonly packed: (rows: Axis, columns: Axis) => number;
  /** Lays the part of the filter that one pair of axes meets where `compute` reads it. */
  readonly pack: (rows: Axis, columns: Axis, filter: number) => void;
  /** Copies a block into frames, whose margins are zero; null to read the images where they lie. */
  readonly frame: ((block: Block, to: number) => Frames) | null;
  readonly compute: (part: Part) => void;
}

/** One pair of axes on one block. */
export interface Part {
  readonly x: number;
  readonly pitch: number;
  readonly table: number;
  readonly tiles: number;
  readonly rowTaps: number;
  readonly columnTaps: number;
  readonly filter: number;
  readonly bias: number;
  readonly y: number;
}

/**
 * Convolves block after block, every pair of axes in turn. What is copied is the frames of a block and not a matrix
 * of patches: less by as many times as the filter has taps.
 */
export function convolveBlocks(convolution: Convolution, kind: Kind, backend: WasmBackend): void {
  const { framing, rows, columns, outputs, bias, result } = convolution;
  const { frame } = kind;
  const native = nativeKernels(backend);
  const phases = rows.flatMap((row) => columns.map((column) => ({ row, column })));
  const filterBytes = phases.map(({ row, column }) => kind.packed(row, column) * 4);
  const maxColumns = Math.max(...columns.map(({ windows }) => windows));
  const maxPositions = Math.max(0, ...framing.blocks.map(({ images, rows }) => images * rows * maxColumns));
  const tableBytes = tilesOf(maxPositions) * TILE_BYTES;
  const bytes = {
    frames: frame === null ? 0 : frameBytes(framing),
    filters: filterBytes.reduce((sum, size) => sum + size, 0),
    bias: paddedTo8(outputs) * 4,
    tables: phases.length * tableBytes,
  };
  withScratch(backend, bytes, (scratch) => {
    let packed = scratch.filters;
    const parts = phases.map((phase, i) => {
      const filter = packed;
      kind.pack(phase.row, phase.column, filter);
      packed += filterBytes[i]!;
      return { ...phase, filter, table: scratch.tables + i * tableBytes, tabulated: '' };
    });
    if (bias === null) native.clear(scratch.bias, bytes.bias);
    else native.packPanels(bias, 1, outputs, scratch.bias);
    native.clear(scratch.frames, bytes.frames);

    const pixelBytes = framing.source.channels * 4;
    const numberBytes = outputs * 4;
    const lineBytes = result.width * numberBytes;
    const imageBytes = result.height * lineBytes;
    for (const block of framing.blocks) {
      const frames = frame === null ? framesInPlace(framing, block) : frame(block, scratch.frames);
      for (const part of parts) {
        const { row, column } = part;
        const bandRows = Math.min(block.rows, row.windows - block.firstRow);
        if (bandRows <= 0) continue;
        const shape = `${block.images} ${bandRows} ${frames.bytesPerImage}`;
        if (part.tabulated !== shape) {
          native.tabulatePositions(
            part.table,
            block.images,
            bandRows,
            column.windows,
            frames.bytesPerImage,
            row.step * frames.pitch,
            column.step * pixelBytes,
            imageBytes,
            row.outStep * lineBytes,
            column.outStep * numberBytes,
          );
          part.tabulated = shape;
        }
        const down = row.start - framing.top;
        const across = column.start - framing.left;
        const outRow = row.outStart + block.firstRow * row.outStep;
        kind.compute({
          x: frames.pointer + down * frames.pitch + across * pixelBytes,
          pitch: frames.pitch,
          table: part.table,
          tiles: tilesOf(block.images * bandRows * column.windows),
          rowTaps: row.taps,
          columnTaps: column.taps,
          filter: part.filter,
          bias: scratch.bias,
          y:
            result.pointer +
            block.firstImage * imageBytes +
            outRow * lineBytes +
            column.outStart * numberBytes,
        });
      }
    }
  });
}

/** Each output from every channel, as a product with the filter in panels. */
export function denseKind(
  { framing, outputs }: Convolution,
  pack: Kind['pack'],
  { least = -Infinity, most = Infinity }: Bounds,
  backend: WasmBackend,
): Kind {
  const native = nativeKernels(backend);
  const { channels } = framing.source;
  return {
    packed: (rows, columns) => rows.taps * columns.taps * channels * paddedTo8(outputs),
    pack,
    frame: framing.inside ? null : (block, to) => copyIntoFrames(framing, block, to, native),
    compute: ({ x, pitch, table, tiles, rowTaps, columnTaps, filter, bias, y }) =>
      native.convolve(
        x,
        pitch,
        table,
        tiles,
        rowTaps,
        columnTaps * channels,
        filter,
        outputs,
        bias,
        least,
        most,
        y,
      ),
  };
}

/** Of the result: what relu and relu6 are, done while the sums are still in registers. */
export interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

function tilesOf(positions: number): number {
  return Math.ceil(positions / TILE);
}
