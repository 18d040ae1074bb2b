import { PANEL, TILE } from './conv2d-pack';
import { storeLanes } from './lanes';
import { mulAdd } from './simd';

/**
 * A convolution as a product that needs no matrix of patches: with NHWC, what one row of the filter covers of a framed
 * image is one run of filterWidth · channels numbers. Tiles of six positions by eight columns are kept in registers
 * over the whole filter.
 *
 * @param x the frames; `pitch` bytes from one row to the next.
 * @param table tiles of offsets, see tabulatePositions.
 * @param panels the filter [filterRows · run, columns] in panels, see packPanels.
 * @param bias one panel row for every eight columns: what the sums begin with.
 * @param least bounds of y, for relu and relu6; infinite for none.
 */
export function convolve(
  x: usize, pitch: usize, table: usize, tiles: i32,
  filterRows: i32, run: i32, panels: usize, columns: i32,
  bias: usize, least: f32, most: f32, y: usize,
): void {
  const panel = <usize>(filterRows * run * PANEL) << 2;
  const wholeRun = run & ~3;
  const floor = f32x4.splat(least);
  const ceiling = f32x4.splat(most);
  let filter = panels;
  let start = bias;
  for (let column = 0; column < columns; column += PANEL) {
    const width = columns - column;
    const target = y + (<usize>column << 2);
    let entry = table;
    for (let tile = 0; tile < tiles; tile++) {
      let p0 = x + load<u32>(entry);
      let p1 = x + load<u32>(entry, 4);
      let p2 = x + load<u32>(entry, 8);
      let p3 = x + load<u32>(entry, 12);
      let p4 = x + load<u32>(entry, 16);
      let p5 = x + load<u32>(entry, 20);
      let low = v128.load(start);
      let high = v128.load(start, 16);
      let l0 = low, h0 = high;
      let l1 = low, h1 = high;
      let l2 = low, h2 = high;
      let l3 = low, h3 = high;
      let l4 = low, h4 = high;
      let l5 = low, h5 = high;
      let x: v128;
      let b = filter;
      for (let row = 0; row < filterRows; row++) {
        let k = 0;
        for (; k < wholeRun; k += 4) {
          low = v128.load(b);
          high = v128.load(b, 16);
          x = v128.load32_splat(p0);
          l0 = mulAdd(x, low, l0);
          h0 = mulAdd(x, high, h0);
          x = v128.load32_splat(p1);
          l1 = mulAdd(x, low, l1);
          h1 = mulAdd(x, high, h1);
          x = v128.load32_splat(p2);
          l2 = mulAdd(x, low, l2);
          h2 = mulAdd(x, high, h2);
          x = v128.load32_splat(p3);
          l3 = mulAdd(x, low, l3);
          h3 = mulAdd(x, high, h3);
          x = v128.load32_splat(p4);
          l4 = mulAdd(x, low, l4);
          h4 = mulAdd(x, high, h4);
          x = v128.load32_splat(p5);
          l5 = mulAdd(x, low, l5);
          h5 = mulAdd(x, high, h5);
          low = v128.load(b, 32);
          high = v128.load(b, 48);
          x = v128.load32_splat(p0, 4);
          l0 = mulAdd(x, low, l0);
          h0 = mulAdd(x, high, h0);
          x = v128.load32_splat(p1, 4);
          l1 = mulAdd(x, low, l1);
          h1 = mulAdd(x, high, h1);
          x = v128.load32_splat(p2, 4);
          l2 = mulAdd(x, low, l2);
          h2 = mulAdd(x, high, h2);
          x = v128.load32_splat(p3, 4);
          l3 = mulAdd(x, low, l3);
          h3 = mulAdd(x, high, h3);
          x = v128.load32_splat(p4, 4);
          l4 = mulAdd(x, low, l4);
          h4 = mulAdd(x, high, h4);
          x = v128.load32_splat(p5, 4);
          l5 = mulAdd(x, low, l5);
          h5 = mulAdd(x, high, h5);
          low = v128.load(b, 64);
          high = v128.load(b, 80);
          x = v128.load32_splat(p0, 8);
          l0 = mulAdd(x, low, l0);
          h0 = mulAdd(x, high, h0);
          x = v128.load32_splat(p1, 8);
          l1 = mulAdd(x, low, l1);
          h1 = mulAdd(x, high, h1);
          x = v128.load32_splat(p2, 8);
          l2 = mulAdd(x, low, l2);
          h2 = mulAdd(x, high, h2);
          x = v128.load32_splat(p3, 8);
          l3 = mulAdd(x, low, l3);
          h3 = mulAdd(x, high, h3);
          x = v128.load32_splat(p4, 8);
          l4 = mulAdd(x, low, l4);
          h4 = mulAdd(x, high, h4);
          x = v128.load32_splat(p5, 8);
          l5 = mulAdd(x, low, l5);
          h5 = mulAdd(x, high, h5);
          low = v128.load(b, 96);
          high = v128.load(b, 112);
          x = v128.load32_splat(p0, 12);
          l0 = mulAdd(x, low, l0);
          h0 = mulAdd(x, high, h0);
          x = v128.load32_splat(p1, 12);
          l1 = mulAdd(x, low, l1);
          h1 = mulAdd(x, high, h1);
          x = v128.load32_splat(p2, 12);
          l2 = mulAdd(x, low, l2);
          h2 = mulAdd(x, high, h2);
          x = v128.load32_splat(p3, 12);
          l3 = mulAdd(x, low, l3);
          h3 = mulAdd(x, high, h3);
          x = v128.load32_splat(p4, 12);
          l4 = mulAdd(x, low, l4);
          h4 = mulAdd(x, high, h4);
          x = v128.load32_splat(p5, 12);
          l5 = mulAdd(x, low, l5);
          h5 = mulAdd(x, high, h5);
          p0 += 16;
          p1 += 16;
          p2 += 16;
          p3 += 16;
          p4 += 16;
          p5 += 16;
          b += 128;
        }
        for (; k < run; k++) {
          low = v128.load(b);
          high = v128.load(b, 16);
          x = v128.load32_splat(p0);
          l0 = mulAdd(x, low, l0);
          h0 = mulAdd(x, high, h0);
          x = v128.load32_splat(p1);
          l1 = mulAdd(x, low, l1);
          h1 = mulAdd(x, high, h1);
          x = v128.load32_splat(p2);
          l2 = mulAdd(x, low, l2);
          h2 = mulAdd(x, high, h2);
          x = v128.load32_splat(p3);
          l3 = mulAdd(x, low, l3);
          h3 = mulAdd(x, high, h3);
          x = v128.load32_splat(p4);
          l4 = mulAdd(x, low, l4);
          h4 = mulAdd(x, high, h4);
          x = v128.load32_splat(p5);
          l5 = mulAdd(x, low, l5);
          h5 = mulAdd(x, high, h5);
          p0 += 4;
          p1 += 4;
          p2 += 4;
          p3 += 4;
          p4 += 4;
          p5 += 4;
          b += 32;
        }
        const next = pitch - (<usize>run << 2);
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
      storeLanes(target + load<u32>(entry, 24), l0, h0, width);
      storeLanes(target + load<u32>(entry, 28), l1, h1, width);
      storeLanes(target + load<u32>(entry, 32), l2, h2, width);
      storeLanes(target + load<u32>(entry, 36), l3, h3, width);
      storeLanes(target + load<u32>(entry, 40), l4, h4, width);
      storeLanes(target + load<u32>(entry, 44), l5, h5, width);
      entry += TILE << 3;
    }
    filter += panel;
    start += PANEL << 2;
  }
}
