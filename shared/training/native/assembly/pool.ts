import { loadLanes, storeLanesOfOne } from './lanes';

/** Four lanes from x, of which `left` remain. */
@inline
function put(to: usize, lanes: v128, left: i32): void {
  if (left >= 4) v128.store(to, lanes);
  else storeLanesOfOne(to, lanes, left);
}

/**
 * The largest (average = false) or the mean of what of each window lies on the image. A NaN stays one.
 *
 * @param x [images, height, width, channels]
 * @param y [images, outHeight, outWidth, channels]
 */
export function pool(
  x: usize, images: i32, height: i32, width: i32, channels: i32,
  windowHeight: i32, windowWidth: i32, strideHeight: i32, strideWidth: i32, top: i32, left: i32,
  outHeight: i32, outWidth: i32, average: bool, y: usize,
): void {
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  let to = y;
  for (let image = 0; image < images; image++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      const row = outRow * strideHeight - top;
      const firstRow = max(0, row);
      const endRow = min(height, row + windowHeight);
      for (let outColumn = 0; outColumn < outWidth; outColumn++) {
        const column = outColumn * strideWidth - left;
        const firstColumn = max(0, column);
        const columns = min(width, column + windowWidth) - firstColumn;
        const start = x + <usize>image * <usize>height * line + <usize>firstRow * line + <usize>firstColumn * pixel;
        const size = max(0, endRow - firstRow) * max(0, columns);
        const scale = f32x4.splat(average && size > 0 ? 1 / <f32>size : 1);
        for (let channel = 0; channel < channels; channel += 4) {
          const remaining = channels - channel;
          let from = start + (<usize>channel << 2);
          let result = f32x4.splat(average || size == 0 ? 0 : -Infinity);
          for (let i = firstRow; i < endRow; i++) {
            let p = from;
            for (let j = 0; j < columns; j++) {
              const value = remaining >= 4 ? v128.load(p) : loadLanes(p, remaining);
              result = average ? f32x4.add(result, value) : f32x4.max(result, value);
              p += pixel;
            }
            from += line;
          }
          put(to + (<usize>channel << 2), f32x4.mul(result, scale), remaining);
        }
        to += pixel;
      }
    }
  }
}

/** Gradient of the mean of each window: every input on it gets its share of dy. Clears dx first. */
export function avgPoolGradient(
  dy: usize, images: i32, height: i32, width: i32, channels: i32,
  windowHeight: i32, windowWidth: i32, strideHeight: i32, strideWidth: i32, top: i32, left: i32,
  outHeight: i32, outWidth: i32, dx: usize,
): void {
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  memory.fill(dx, 0, <usize>images * <usize>height * line);
  let from = dy;
  for (let image = 0; image < images; image++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      const row = outRow * strideHeight - top;
      const firstRow = max(0, row);
      const endRow = min(height, row + windowHeight);
      for (let outColumn = 0; outColumn < outWidth; outColumn++) {
        const column = outColumn * strideWidth - left;
        const firstColumn = max(0, column);
        const columns = min(width, column + windowWidth) - firstColumn;
        const start = dx + <usize>image * <usize>height * line + <usize>firstRow * line + <usize>firstColumn * pixel;
        const scale = f32x4.splat(1 / <f32>(max(1, endRow - firstRow) * max(1, columns)));
        for (let channel = 0; channel < channels; channel += 4) {
          const remaining = channels - channel;
          const share = f32x4.mul(loadLanes(from + (<usize>channel << 2), remaining), scale);
          let to = start + (<usize>channel << 2);
          for (let i = firstRow; i < endRow; i++) {
            let p = to;
            for (let j = 0; j < columns; j++) {
              put(p, f32x4.add(loadLanes(p, remaining), share), remaining);
              p += pixel;
            }
            to += line;
          }
        }
        from += pixel;
      }
    }
  }
}

/**
 * Gradient of the largest of each window: dy goes to the first input that is as large, in order of rows. Clears dx
 * first.
 */
export function maxPoolGradient(
  dy: usize, x: usize, images: i32, height: i32, width: i32, channels: i32,
  windowHeight: i32, windowWidth: i32, strideHeight: i32, strideWidth: i32, top: i32, left: i32,
  outHeight: i32, outWidth: i32, dx: usize,
): void {
  const pixel = <usize>channels << 2;
  const line = <usize>width * pixel;
  memory.fill(dx, 0, <usize>images * <usize>height * line);
  let from = dy;
  for (let image = 0; image < images; image++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      const row = outRow * strideHeight - top;
      const firstRow = max(0, row);
      const endRow = min(height, row + windowHeight);
      for (let outColumn = 0; outColumn < outWidth; outColumn++) {
        const column = outColumn * strideWidth - left;
        const firstColumn = max(0, column);
        const columns = min(width, column + windowWidth) - firstColumn;
        const start = <usize>image * <usize>height * line + <usize>firstRow * line + <usize>firstColumn * pixel;
        // A window of padding only has no input to give its gradient to.
        if (endRow > firstRow && columns > 0) {
          for (let channel = 0; channel < channels; channel += 4) {
            const remaining = channels - channel;
            const offset = start + (<usize>channel << 2);
            const gradient = loadLanes(from + (<usize>channel << 2), remaining);
            let largest = loadLanes(x + offset, remaining);
            let where = i32x4.splat(0);
            let place = 0;
            let p = x + offset;
            for (let i = firstRow; i < endRow; i++) {
              let q = p;
              for (let j = 0; j < columns; j++) {
                const value = loadLanes(q, remaining);
                const larger = f32x4.gt(value, largest);
                largest = v128.bitselect(value, largest, larger);
                where = v128.bitselect(i32x4.splat(place), where, larger);
                place++;
                q += pixel;
              }
              p += line;
            }
            place = 0;
            p = dx + offset;
            for (let i = firstRow; i < endRow; i++) {
              let q = p;
              for (let j = 0; j < columns; j++) {
                const share = v128.and(gradient, i32x4.eq(where, i32x4.splat(place)));
                put(q, f32x4.add(loadLanes(q, remaining), share), remaining);
                place++;
                q += pixel;
              }
              p += line;
            }
          }
        }
        from += pixel;
      }
    }
  }
}
