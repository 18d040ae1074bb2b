/**
 * What the convolution, pooling and embedding kernels compute, as plain loops in float64: the text to read, and the
 * numbers that tests hold the kernels to. Arrays are NHWC, filters [height, width, in, out].
 */
export interface Windows {
  readonly images: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly top: number;
  readonly left: number;
}

/** Pixels are counted over images: index / channels of x, of y, and the place of the filter between them. */
type Visit = (input: number, output: number, place: number, image: number) => void;

/** Every place of the filter, in every window, that lies on the image. */
function forEachPixel(windows: Windows, visit: Visit): void {
  const { images, height, width, filterHeight, filterWidth, outHeight, outWidth } = windows;
  for (let image = 0; image < images; image++) {
    for (let outRow = 0; outRow < outHeight; outRow++) {
      for (let outColumn = 0; outColumn < outWidth; outColumn++) {
        for (let place = 0; place < filterHeight * filterWidth; place++) {
          const row = outRow * windows.strideHeight - windows.top + Math.floor(place / filterWidth);
          const column = outColumn * windows.strideWidth - windows.left + (place % filterWidth);
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          const input = (image * height + row) * width + column;
          visit(input, (image * outHeight + outRow) * outWidth + outColumn, place, image);
        }
      }
    }
  }
}

type Numbers = ArrayLike<number>;

const outputs = ({ images, outHeight, outWidth }: Windows) => images * outHeight * outWidth;
const inputs = ({ images, height, width }: Windows) => images * height * width;
const places = ({ filterHeight, filterWidth }: Windows) => filterHeight * filterWidth;

/** y, [images, outHeight, outWidth, out]. */
export function convolution(windows: Windows, x: Numbers, filter: Numbers, out: number): Float64Array {
  const { channels } = windows;
  const y = new Float64Array(outputs(windows) * out);
  forEachPixel(windows, (input, output, place) => {
    for (let c = 0; c < channels; c++)
      for (let o = 0; o < out; o++)
        y[output * out + o]! += x[input * channels + c]! * filter[(place * channels + c) * out + o]!;
  });
  return y;
}

/** dx, shaped as x. */
export function convolutionInputGradient(
  windows: Windows,
  dy: Numbers,
  filter: Numbers,
  out: number,
): Float64Array {
  const { channels } = windows;
  const dx = new Float64Array(inputs(windows) * channels);
  forEachPixel(windows, (input, output, place) => {
    for (let c = 0; c < channels; c++)
      for (let o = 0; o < out; o++)
        dx[input * channels + c]! += dy[output * out + o]! * filter[(place * channels + c) * out + o]!;
  });
  return dx;
}

/** [images, filterHeight, filterWidth, in, out]: of each example by itself. */
export function convolutionFilterGradients(
  windows: Windows,
  x: Numbers,
  dy: Numbers,
  out: number,
): Float64Array {
  const { channels } = windows;
  const size = places(windows) * channels * out;
  const gradients = new Float64Array(windows.images * size);
  forEachPixel(windows, (input, output, place, image) => {
    for (let c = 0; c < channels; c++)
      for (let o = 0; o < out; o++)
        gradients[image * size + (place * channels + c) * out + o]! +=
          x[input * channels + c]! * dy[output * out + o]!;
  });
  return gradients;
}

/** [images, outHeight · outWidth, filterHeight · filterWidth · channels]. */
export function patches(windows: Windows, x: Numbers): Float64Array {
  const { channels } = windows;
  const result = new Float64Array(outputs(windows) * places(windows) * channels);
  forEachPixel(windows, (input, output, place) => {
    for (let c = 0; c < channels; c++)
      result[(output * places(windows) + place) * channels + c] = x[input * channels + c]!;
  });
  return result;
}

/** y, [images, outHeight, outWidth, channels · multiplier], of a filter [height, width, channels, multiplier]. */
export function depthwise(windows: Windows, x: Numbers, filter: Numbers, multiplier: number): Float64Array {
  const out = windows.channels * multiplier;
  const y = new Float64Array(outputs(windows) * out);
  forEachPixel(windows, (input, output, place) => {
    for (let o = 0; o < out; o++)
      y[output * out + o]! +=
        x[input * windows.channels + Math.floor(o / multiplier)]! * filter[place * out + o]!;
  });
  return y;
}

/** dx, shaped as x. */
export function depthwiseInputGradient(
  windows: Windows,
  dy: Numbers,
  filter: Numbers,
  multiplier: number,
): Float64Array {
  const out = windows.channels * multiplier;
  const dx = new Float64Array(inputs(windows) * windows.channels);
  forEachPixel(windows, (input, output, place) => {
    for (let o = 0; o < out; o++)
      dx[input * windows.channels + Math.floor(o / multiplier)]! +=
        dy[output * out + o]! * filter[place * out + o]!;
  });
  return dx;
}

/** [images, filterHeight, filterWidth, channels, multiplier]: of each example by itself. */
export function depthwiseFilterGradients(
  windows: Windows,
  x: Numbers,
  dy: Numbers,
  multiplier: number,
): Float64Array {
  const out = windows.channels * multiplier;
  const size = places(windows) * out;
  const gradients = new Float64Array(windows.images * size);
  forEachPixel(windows, (input, output, place, image) => {
    for (let o = 0; o < out; o++)
      gradients[image * size + place * out + o]! +=
        x[input * windows.channels + Math.floor(o / multiplier)]! * dy[output * out + o]!;
  });
  return gradients;
}

/** The largest of each window, shaped as y, and where x has it first: [y, index into x]. */
export function largest(windows: Windows, x: Numbers): [Float64Array, Int32Array] {
  const { channels } = windows;
  const y = new Float64Array(outputs(windows) * channels);
  const where = new Int32Array(y.length).fill(-1);
  forEachPixel(windows, (input, output) => {
    for (let c = 0; c < channels; c++) {
      const at = output * channels + c;
      const value = x[input * channels + c]!;
      if (where[at] !== -1 && !(value > y[at]!)) continue;
      y[at] = value;
      where[at] = input * channels + c;
    }
  });
  return [y, where];
}

/** dx, shaped as x: each dy at the first largest of its window. */
export function maxPoolGradient(windows: Windows, dy: Numbers, x: Numbers): Float64Array {
  const dx = new Float64Array(x.length);
  const [, where] = largest(windows, x);
  where.forEach((index, at) => {
    if (index !== -1) dx[index]! += dy[at]!;
  });
  return dx;
}

/** Means over what of each window lies on the image. */
export function means(windows: Windows, x: Numbers): Float64Array {
  const { channels } = windows;
  const y = new Float64Array(outputs(windows) * channels);
  const sizes = windowSizes(windows);
  forEachPixel(windows, (input, output) => {
    for (let c = 0; c < channels; c++) y[output * channels + c]! += x[input * channels + c]! / sizes[output]!;
  });
  return y;
}

/** dx, shaped as x. */
export function avgPoolGradient(windows: Windows, dy: Numbers): Float64Array {
  const { channels } = windows;
  const dx = new Float64Array(inputs(windows) * channels);
  const sizes = windowSizes(windows);
  forEachPixel(windows, (input, output) => {
    for (let c = 0; c < channels; c++)
      dx[input * channels + c]! += dy[output * channels + c]! / sizes[output]!;
  });
  return dx;
}

function windowSizes(windows: Windows): Int32Array {
  const sizes = new Int32Array(outputs(windows));
  forEachPixel(windows, (_input, output) => {
    sizes[output]!++;
  });
  return sizes;
}

/** [segments, row]: row i of x added to segment ids[i], or to none if there is no such segment. */
export function segmentSums(x: Numbers, ids: Numbers, segments: number, row: number): Float64Array {
  const sums = new Float64Array(segments * row);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    if (id < 0 || id >= segments) continue;
    for (let j = 0; j < row; j++) sums[id * row + j]! += x[i * row + j]!;
  }
  return sums;
}
