/**
 * Patches [images · rows · columns, filterRows · run]: what the filter covers at each position, row by row.
 *
 * @param x frames of `frame` bytes, `pitch` bytes from one row to the next.
 * @param xRow bytes from one position to the one below it; xColumn to the one to its right.
 */
export function im2col(
  x: usize, images: i32, frame: usize, pitch: usize,
  rows: i32, columns: i32, xRow: usize, xColumn: usize,
  filterRows: i32, run: i32, patches: usize,
): void {
  const wholeRun = run & ~3;
  let to = patches;
  for (let image = 0; image < images; image++) {
    for (let row = 0; row < rows; row++) {
      let position = x + <usize>image * frame + <usize>row * xRow;
      for (let column = 0; column < columns; column++) {
        let start = position;
        for (let filterRow = 0; filterRow < filterRows; filterRow++) {
          let from = start;
          let k = 0;
          for (; k < wholeRun; k += 4) {
            v128.store(to, v128.load(from));
            from += 16;
            to += 16;
          }
          for (; k < run; k++) {
            store<f32>(to, load<f32>(from));
            from += 4;
            to += 4;
          }
          start += pitch;
        }
        position += xColumn;
      }
    }
  }
}
