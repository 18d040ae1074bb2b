import { PANEL, TILE } from './conv2d-pack';
import { addLanes, storeLanes } from './lanes';
import { mulAdd } from './simd';

/**
 * Gradient of a convolution with respect to its filter, [filterRows · run, outputs]: for each number that a row of
 * the filter covers, the sum over positions of that number times dy. Tiles of six such numbers by eight outputs are
 * kept in registers over all positions.
 *
 * @param x frames of `frame` bytes. What follows the last one is read, up to 20 bytes, and not used.
 * @param xRow bytes from one position to the one below it; xColumn to the one to its right.
 * @param panels dy, [images · rows · columns, outputs] in panels, see packPanels.
 * @param add whether to add to what the gradient holds.
 */
export function filterGradient(
  x: usize, images: i32, frame: usize, pitch: usize,
  rows: i32, columns: i32, xRow: usize, xColumn: usize,
  filterRows: i32, run: i32, panels: usize, outputs: i32,
  add: bool, gradient: usize,
): void {
  const panel = <usize>(images * rows * columns * PANEL) << 2;
  const line = <usize>outputs << 2;
  let dy = panels;
  for (let output = 0; output < outputs; output += PANEL) {
    const width = outputs - output;
    for (let filterRow = 0; filterRow < filterRows; filterRow++) {
      for (let first = 0; first < run; first += TILE) {
        const zero = f32x4.splat(0);
        let l0 = zero, h0 = zero;
        let l1 = zero, h1 = zero;
        let l2 = zero, h2 = zero;
        let l3 = zero, h3 = zero;
        let l4 = zero, h4 = zero;
        let l5 = zero, h5 = zero;
        let d = dy;
        for (let image = 0; image < images; image++) {
          let start = x + <usize>image * frame + <usize>filterRow * pitch + (<usize>first << 2);
          for (let row = 0; row < rows; row++) {
            let p = start;
            let value: v128;
            let low: v128;
            let high: v128;
            // Two positions per turn: the loop itself costs a fifth otherwise.
            let column = 1;
            for (; column < columns; column += 2) {
              low = v128.load(d);
              high = v128.load(d, 16);
              value = v128.load32_splat(p);
              l0 = mulAdd(value, low, l0);
              h0 = mulAdd(value, high, h0);
              value = v128.load32_splat(p, 4);
              l1 = mulAdd(value, low, l1);
              h1 = mulAdd(value, high, h1);
              value = v128.load32_splat(p, 8);
              l2 = mulAdd(value, low, l2);
              h2 = mulAdd(value, high, h2);
              value = v128.load32_splat(p, 12);
              l3 = mulAdd(value, low, l3);
              h3 = mulAdd(value, high, h3);
              value = v128.load32_splat(p, 16);
              l4 = mulAdd(value, low, l4);
              h4 = mulAdd(value, high, h4);
              value = v128.load32_splat(p, 20);
              l5 = mulAdd(value, low, l5);
              h5 = mulAdd(value, high, h5);
              p += xColumn;
              d += PANEL << 2;
              low = v128.load(d);
              high = v128.load(d, 16);
              value = v128.load32_splat(p);
              l0 = mulAdd(value, low, l0);
              h0 = mulAdd(value, high, h0);
              value = v128.load32_splat(p, 4);
              l1 = mulAdd(value, low, l1);
              h1 = mulAdd(value, high, h1);
              value = v128.load32_splat(p, 8);
              l2 = mulAdd(value, low, l2);
              h2 = mulAdd(value, high, h2);
              value = v128.load32_splat(p, 12);
              l3 = mulAdd(value, low, l3);
              h3 = mulAdd(value, high, h3);
              value = v128.load32_splat(p, 16);
              l4 = mulAdd(value, low, l4);
              h4 = mulAdd(value, high, h4);
              value = v128.load32_splat(p, 20);
              l5 = mulAdd(value, low, l5);
              h5 = mulAdd(value, high, h5);
              p += xColumn;
              d += PANEL << 2;
            }
            if (column == columns) {
              low = v128.load(d);
              high = v128.load(d, 16);
              value = v128.load32_splat(p);
              l0 = mulAdd(value, low, l0);
              h0 = mulAdd(value, high, h0);
              value = v128.load32_splat(p, 4);
              l1 = mulAdd(value, low, l1);
              h1 = mulAdd(value, high, h1);
              value = v128.load32_splat(p, 8);
              l2 = mulAdd(value, low, l2);
              h2 = mulAdd(value, high, h2);
              value = v128.load32_splat(p, 12);
              l3 = mulAdd(value, low, l3);
              h3 = mulAdd(value, high, h3);
              value = v128.load32_splat(p, 16);
              l4 = mulAdd(value, low, l4);
              h4 = mulAdd(value, high, h4);
              value = v128.load32_splat(p, 20);
              l5 = mulAdd(value, low, l5);
              h5 = mulAdd(value, high, h5);
              p += xColumn;
              d += PANEL << 2;
            }
            start += xRow;
          }
        }
        let to = gradient + <usize>(filterRow * run + first) * line + (<usize>output << 2);
        const left = run - first;
        put(to, l0, h0, width, add);
        if (left > 1) put((to += line), l1, h1, width, add);
        if (left > 2) put((to += line), l2, h2, width, add);
        if (left > 3) put((to += line), l3, h3, width, add);
        if (left > 4) put((to += line), l4, h4, width, add);
        if (left > 5) put((to += line), l5, h5, width, add);
      }
    }
    dy += panel;
  }
}

function put(to: usize, low: v128, high: v128, width: i32, add: bool): void {
  if (add) addLanes(to, low, high, width);
  else storeLanes(to, low, high, width);
}
