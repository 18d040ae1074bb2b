/** A grey picture: one byte per pixel, row by row. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/** MNIST: "size normalized to fit in a 20x20 box" of 28, "centred by centre of mass" (yann.lecun.com/exdb/mnist). */
const BOX_SHARE = 20 / 28;

/**
 * Brings a drawing (light strokes on black) into the form in which handwritten digits were collected: its ink
 * scaled to fit the middle 20/28 of the picture, proportions kept, its centre of mass in the middle. A drawing
 * in a corner would otherwise look like nothing the model has seen.
 * @returns undefined when nothing is drawn.
 */
export function centreDrawing(drawing: GreyImage, width: number, height: number): GreyImage | undefined {
  const bounds = inkBounds(drawing);
  if (bounds === undefined) return undefined;
  const side = Math.max(bounds.width, bounds.height);
  const scale = (Math.min(width, height) * BOX_SHARE) / side;
  const centre = centreOfMass(drawing);
  const pixels = new Uint8Array(width * height);
  const step = 1 / scale;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const left = centre.x + (x - width / 2) * step;
      const top = centre.y + (y - height / 2) * step;
      pixels[y * width + x] = Math.round(meanOver(drawing, left, top, step));
    }
  }
  return { width, height, pixels };
}

function inkBounds({ width, height, pixels }: GreyImage): { width: number; height: number } | undefined {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (pixels[y * width + x] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return right < 0 ? undefined : { width: right - left + 1, height: bottom - top + 1 };
}

function centreOfMass({ width, height, pixels }: GreyImage): { x: number; y: number } {
  let [mass, sumX, sumY] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const ink = pixels[y * width + x]!;
      mass += ink;
      sumX += ink * (x + 0.5);
      sumY += ink * (y + 0.5);
    }
  }
  return { x: sumX / mass, y: sumY / mass };
}

/** Mean over the square of `side` at (left, top), outside counting as black. */
function meanOver({ width, height, pixels }: GreyImage, left: number, top: number, side: number): number {
  const samples = Math.max(1, Math.ceil(side));
  let sum = 0;
  for (let j = 0; j < samples; j++) {
    for (let i = 0; i < samples; i++) {
      const x = Math.floor(left + ((i + 0.5) * side) / samples);
      const y = Math.floor(top + ((j + 0.5) * side) / samples);
      if (x >= 0 && y >= 0 && x < width && y < height) sum += pixels[y * width + x]!;
    }
  }
  return sum / samples ** 2;
}

/** Dark ink on light paper is turned around, so that strokes are light, as in the collection. */
export function lightOnDark(pixels: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const mean = pixels.reduce((sum, value) => sum + value, 0) / Math.max(1, pixels.length);
  return mean > 127 ? pixels.map((value) => 255 - value) : pixels;
}
