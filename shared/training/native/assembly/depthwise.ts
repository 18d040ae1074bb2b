import { PANEL, TILE } from './conv2d-pack';
import { addLanes, loadLanes, loadLanesOfHigh, storeLanes } from './lanes';
import { mulAdd } from './simd';

/**
 * Depthwise convolution: every channel with a filter of its own, eight channels and six positions at a time.
 *
 * @param x frames whose pixels have `padded` channels, a multiple of eight; `pitch` bytes from row to row.
 * @param table tiles of offsets, see tabulatePositions.
 * @param filter [filterRows · filterColumns, padded].
 * @param bias [padded].
 * @param least bounds of y, for relu and relu6; infinite for none.
 * @param add whether to add to what y holds.
 * @param y pixels of `channels` numbers.
 */
export function depthwise(
  x: usize, pitch: usize, table: usize, tiles: i32,
  filterRows: i32, filterColumns: i32, filter: usize, padded: i32, channels: i32,
  bias: usize, least: f32, most: f32, add: bool, y: usize,
): void {
  const pixel = <usize>padded << 2;
  const next = pitch - <usize>filterColumns * pixel;
  const floor = f32x4.splat(least);
  const ceiling = f32x4.splat(most);
  let entry = table;
  for (let tile = 0; tile < tiles; tile++) {
    for (let channel = 0; channel < channels; channel += PANEL) {
      const width = channels - channel;
      const offset = <usize>channel << 2;
      const from = x + offset;
      const to = y + offset;
      let p0 = from + load<u32>(entry);
      let p1 = from + load<u32>(entry, 4);
      let p2 = from + load<u32>(entry, 8);
      let p3 = from + load<u32>(entry, 12);
      let p4 = from + load<u32>(entry, 16);
      let p5 = from + load<u32>(entry, 20);
      let low = v128.load(bias + offset);
      let high = v128.load(bias + offset, 16);
      let l0 = low, h0 = high;
      let l1 = low, h1 = high;
      let l2 = low, h2 = high;
      let l3 = low, h3 = high;
      let l4 = low, h4 = high;
      let l5 = low, h5 = high;
      if (add) {
        const y0 = to + load<u32>(entry, 24);
        l0 = f32x4.add(l0, loadLanes(y0, width));
        h0 = f32x4.add(h0, loadLanesOfHigh(y0, width));
        const y1 = to + load<u32>(entry, 28);
        l1 = f32x4.add(l1, loadLanes(y1, width));
        h1 = f32x4.add(h1, loadLanesOfHigh(y1, width));
        const y2 = to + load<u32>(entry, 32);
        l2 = f32x4.add(l2, loadLanes(y2, width));
        h2 = f32x4.add(h2, loadLanesOfHigh(y2, width));
        const y3 = to + load<u32>(entry, 36);
        l3 = f32x4.add(l3, loadLanes(y3, width));
        h3 = f32x4.add(h3, loadLanesOfHigh(y3, width));
        const y4 = to + load<u32>(entry, 40);
        l4 = f32x4.add(l4, loadLanes(y4, width));
        h4 = f32x4.add(h4, loadLanesOfHigh(y4, width));
        const y5 = to + load<u32>(entry, 44);
        l5 = f32x4.add(l5, loadLanes(y5, width));
        h5 = f32x4.add(h5, loadLanesOfHigh(y5, width));
      }
      let w = filter + offset;
      for (let row = 0; row < filterRows; row++) {
        for (let column = 0; column < filterColumns; column++) {
          low = v128.load(w);
          high = v128.load(w, 16);
          l0 = mulAdd(v128.load(p0), low, l0);
          h0 = mulAdd(v128.load(p0, 16), high, h0);
          p0 += pixel;
          l1 = mulAdd(v128.load(p1), low, l1);
          h1 = mulAdd(v128.load(p1, 16), high, h1);
          p1 += pixel;
          l2 = mulAdd(v128.load(p2), low, l2);
          h2 = mulAdd(v128.load(p2, 16), high, h2);
          p2 += pixel;
          l3 = mulAdd(v128.load(p3), low, l3);
          h3 = mulAdd(v128.load(p3, 16), high, h3);
          p3 += pixel;
          l4 = mulAdd(v128.load(p4), low, l4);
          h4 = mulAdd(v128.load(p4, 16), high, h4);
          p4 += pixel;
          l5 = mulAdd(v128.load(p5), low, l5);
          h5 = mulAdd(v128.load(p5, 16), high, h5);
          p5 += pixel;
          w += pixel;
        }
        p0 += next;
        p1 += next;
        p2 += next;
        p3 += next;
        p4 += next;
        p5 += next;
      }
      l0 = f32x4.min(f32x4.max(l0, floor), ceiling);
      l1 = f32x4.min(f32x4.max(l1, floor), ceiling);
      l2 = f32x4.min(f32x4.max(l2, floor), ceiling);
      l3 = f32x4.min(f32x4.max(l3, floor), ceiling);
      l4 = f32x4.min(f32x4.max(l4, floor), ceiling);
      l5 = f32x4.min(f32x4.max(l5, floor), ceiling);
      h0 = f32x4.min(f32x4.max(h0, floor), ceiling);
      h1 = f32x4.min(f32x4.max(h1, floor), ceiling);
      h2 = f32x4.min(f32x4.max(h2, floor), ceiling);
      h3 = f32x4.min(f32x4.max(h3, floor), ceiling);
      h4 = f32x4.min(f32x4.max(h4, floor), ceiling);
      h5 = f32x4.min(f32x4.max(h5, floor), ceiling);
      storeLanes(to + load<u32>(entry, 24), l0, h0, width);
      storeLanes(to + load<u32>(entry, 28), l1, h1, width);
      storeLanes(to + load<u32>(entry, 32), l2, h2, width);
      storeLanes(to + load<u32>(entry, 36), l3, h3, width);
      storeLanes(to + load<u32>(entry, 40), l4, h4, width);
      storeLanes(to + load<u32>(entry, 44), l5, h5, width);
    }
    entry += TILE << 3;
  }
}

/** Places of a filter row whose sums are kept in registers together. */
const PLACES: i32 = 3;

/**
 * Gradient of a depthwise convolution with respect to its filter, [filterRows, filterColumns, channels].
 *
 * @param x frames of `frame` bytes, pixels of `padded` channels. What follows the last one is read, up to two pixels,
 *   and not used.
 * @param xRow bytes from one position to the one below it; xColumn to the one to its right.
 * @param dy [images · rows · columns, padded].
 * @param add whether to add to what the gradient holds.
 */
export function depthwiseFilterGradient(
  x: usize, images: i32, frame: usize, pitch: usize,
  rows: i32, columns: i32, xRow: usize, xColumn: usize,
  filterRows: i32, filterColumns: i32, dy: usize, padded: i32, channels: i32,
  add: bool, gradient: usize,
): void {
  const pixel = <usize>padded << 2;
  const place = <usize>channels << 2;
  const zero = f32x4.splat(0);
  for (let channel = 0; channel < channels; channel += PANEL) {
    const width = channels - channel;
    const offset = <usize>channel << 2;
    for (let filterRow = 0; filterRow < filterRows; filterRow++) {
      for (let first = 0; first < filterColumns; first += PLACES) {
        let l0 = zero, l1 = zero, l2 = zero;
        let h0 = zero, h1 = zero, h2 = zero;
        let d = dy + offset;
        for (let image = 0; image < images; image++) {
          let start = x + offset + <usize>image * frame + <usize>filterRow * pitch + <usize>first * pixel;
          for (let row = 0; row < rows; row++) {
            let p = start;
            for (let column = 0; column < columns; column++) {
              const low = v128.load(d);
              const high = v128.load(d, 16);
              const second = p + pixel;
              const third = second + pixel;
              l0 = mulAdd(v128.load(p), low, l0);
              h0 = mulAdd(v128.load(p, 16), high, h0);
              l1 = mulAdd(v128.load(second), low, l1);
              h1 = mulAdd(v128.load(second, 16), high, h1);
              l2 = mulAdd(v128.load(third), low, l2);
              h2 = mulAdd(v128.load(third, 16), high, h2);
              p += xColumn;
              d += pixel;
            }
            start += xRow;
          }
        }
        const to = gradient + <usize>(filterRow * filterColumns + first) * place + offset;
        const left = filterColumns - first;
        put(to, l0, h0, width, add);
        if (left > 1) put(to + place, l1, h1, width, add);
        if (left > 2) put(to + 2 * place, l2, h2, width, add);
      }
    }
  }
}

function put(to: usize, low: v128, high: v128, width: i32, add: bool): void {
  if (add) addLanes(to, low, high, width);
  else storeLanes(to, low, high, width);
}

/**
 * frameRows with other channels: channel j of a frame, of `count`, is channel ⌊j · times / over⌋ + shift of the image,
 * which has `channels`; those from `count` to `padded` are zero.
 */
export function frameChannels(
  x: usize, images: i32, height: i32, width: i32, channels: i32,
  firstRow: i32, firstColumn: i32, columns: i32,
  times: i32, over: i32, shift: i32, count: i32, padded: i32,
  frames: usize, frame: usize, pitch: usize, rows: i32, offset: usize,
): void {
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  for (let image = 0; image < images; image++) {
    const upperLeft = x + <usize>image * <usize>height * line + <usize>firstColumn * pixel;
    let start = frames + <usize>image * frame + offset;
    for (let row = firstRow; row < firstRow + rows; row++) {
      if (row >= 0 && row < height) {
        let from = upperLeft + <usize>row * line;
        let to = start;
        for (let column = 0; column < columns; column++) {
          takeChannels(from, times, over, shift, count, padded, to);
          from += pixel;
          to += <usize>padded << 2;
        }
      } else {
        memory.fill(start, 0, (<usize>columns * <usize>padded) << 2);
      }
      start += pitch;
    }
  }
}

/**
 * The part of a depthwise filter [height, filterWidth, channels] that meets one phase of a strided convolution, with
 * channels taken as in frameChannels: [rows · columns, padded]. Turned by 180° when `turned`.
 */
export function packDepthwise(
  filter: usize, filterWidth: i32, channels: i32,
  firstRow: i32, rowStep: i32, rows: i32, firstColumn: i32, columnStep: i32, columns: i32,
  turned: bool, times: i32, shift: i32, count: i32, padded: i32, packed: usize,
): void {
  const places = rows * columns;
  for (let i = 0; i < places; i++) {
    const place = turned ? places - 1 - i : i;
    const row = firstRow + (place / columns) * rowStep;
    const column = firstColumn + (place % columns) * columnStep;
    const from = filter + (<usize>((row * filterWidth + column) * channels) << 2);
    takeChannels(from, times, 1, shift, count, padded, packed + (<usize>(i * padded) << 2));
  }
}

@inline
function takeChannels(
  from: usize, times: i32, over: i32, shift: i32, count: i32, padded: i32, to: usize,
): void {
  if (times == over) {
    memory.copy(to, from + (<usize>shift << 2), <usize>count << 2);
  } else {
    for (let j = 0; j < count; j++)
      store<f32>(to + (<usize>j << 2), load<f32>(from + (<usize>((j * times) / over + shift) << 2)));
  }
  memory.fill(to + (<usize>count << 2), 0, <usize>(padded - count) << 2);
}

/** [rows, channels] → [rows, padded], zeros after the channels. */
export function padRows(from: usize, rows: i32, channels: i32, padded: i32, to: usize): void {
  for (let row = 0; row < rows; row++) {
    takeChannels(from, 1, 1, 0, channels, padded, to);
    from += <usize>channels << 2;
    to += <usize>padded << 2;
  }
}
