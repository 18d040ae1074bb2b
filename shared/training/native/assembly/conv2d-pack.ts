/** Columns of a panel: two vectors, what a tile of the products in conv2d.ts and conv2d-filter.ts is wide. */
export const PANEL: i32 = 8;

/**
 * [rows, columns] → panels [⌈columns / 8⌉, rows, 8], so that a tile reads its eight columns one after the other;
 * zeros beyond the last column.
 */
export function packPanels(source: usize, rows: i32, columns: i32, panels: usize): void {
  let to = panels;
  for (let first = 0; first < columns; first += PANEL) {
    const width = min(PANEL, columns - first);
    let from = source + (<usize>first << 2);
    for (let row = 0; row < rows; row++) {
      packRow(from, width, to, 4);
      from += <usize>columns << 2;
      to += PANEL << 2;
    }
  }
}

/**
 * The part of a filter [height, filterWidth, inputs, outputs] that meets one phase of a strided convolution, turned
 * by 180° and with its channels swapped: rows firstRow, firstRow + rowStep, … and columns likewise, last ones first,
 * as panels [⌈inputs / 8⌉, rows · columns · outputs, 8]. With steps of 1 it is the whole filter.
 */
export function packTurnedPanels(
  filter: usize, filterWidth: i32, inputs: i32, outputs: i32,
  firstRow: i32, rowStep: i32, rows: i32,
  firstColumn: i32, columnStep: i32, columns: i32,
  panels: usize,
): void {
  const place = <usize>(inputs * outputs) << 2;
  let to = panels;
  for (let first = 0; first < inputs; first += PANEL) {
    const width = min(PANEL, inputs - first);
    for (let row = rows - 1; row >= 0; row--) {
      for (let column = columns - 1; column >= 0; column--) {
        const index = (firstRow + row * rowStep) * filterWidth + firstColumn + column * columnStep;
        let from = filter + <usize>index * place + (<usize>(first * outputs) << 2);
        for (let output = 0; output < outputs; output++) {
          packRow(from, width, to, outputs << 2);
          from += 4;
          to += PANEL << 2;
        }
      }
    }
  }
}

/** Eight numbers, `step` bytes apart at the source, zeros after the first `width`. */
@inline
function packRow(from: usize, width: i32, to: usize, step: usize): void {
  if (width == PANEL && step == 4) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
  } else {
    for (let i = 0; i < width; i++) store<f32>(to + (<usize>i << 2), load<f32>(from + <usize>i * step));
    for (let i = width; i < PANEL; i++) store<f32>(to + (<usize>i << 2), 0);
  }
}

/**
 * Copies rows firstRow, firstRow + 1, … of each image, `rowBytes` of each from `xOffset` on, to `offset` bytes into
 * the rows of its frame; rows above or below the image become zero. What lies beside them is left as it is.
 */
export function frameRows(
  x: usize, images: i32, xImage: usize, xPitch: usize, height: i32, firstRow: i32, xOffset: usize, rowBytes: usize,
  frames: usize, frame: usize, pitch: usize, rows: i32, offset: usize,
): void {
  for (let image = 0; image < images; image++) {
    const from = x + <usize>image * xImage + xOffset;
    let to = frames + <usize>image * frame + offset;
    for (let row = firstRow; row < firstRow + rows; row++) {
      if (row >= 0 && row < height) memory.copy(to, from + <usize>row * xPitch, rowBytes);
      else memory.fill(to, 0, rowBytes);
      to += pitch;
    }
  }
}

/** Sets bytes to zero. */
export function clear(to: usize, bytes: usize): void {
  memory.fill(to, 0, bytes);
}

/** Positions of a tile: what registers hold accumulators for. */
export const TILE: i32 = 6;

/**
 * Where tiles of six positions read and write: per tile six byte offsets into x, then six into y, of the positions
 * [images, rows, columns] in order. What is missing of the last tile repeats the last position: writing it again
 * changes nothing.
 */
export function tabulatePositions(
  table: usize, images: i32, rows: i32, columns: i32,
  xImage: usize, xRow: usize, xColumn: usize,
  yImage: usize, yRow: usize, yColumn: usize,
): void {
  let to = table;
  let filled = 0;
  let from: usize = 0;
  let target: usize = 0;
  for (let image = 0; image < images; image++) {
    for (let row = 0; row < rows; row++) {
      from = <usize>image * xImage + <usize>row * xRow;
      target = <usize>image * yImage + <usize>row * yRow;
      for (let column = 0; column < columns; column++) {
        store<u32>(to, <u32>from);
        store<u32>(to, <u32>target, TILE << 2);
        from += xColumn;
        target += yColumn;
        to += 4;
        if (++filled == TILE) {
          filled = 0;
          to += TILE << 2;
        }
      }
    }
  }
  if (filled == 0) return;
  for (; filled < TILE; filled++) {
    store<u32>(to, <u32>(from - xColumn));
    store<u32>(to, <u32>(target - yColumn), TILE << 2);
    to += 4;
  }
}
