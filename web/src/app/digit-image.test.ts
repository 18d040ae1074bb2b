import { describe, expect, it } from 'vitest';
import { centreDrawing, type GreyImage, lightOnDark } from './digit-image.ts';

/** A filled square of `size` at (left, top) on a 56 × 56 sheet. */
function square(left: number, top: number, size: number): GreyImage {
  const pixels = new Uint8Array(56 * 56);
  for (let y = top; y < top + size; y++) pixels.fill(255, y * 56 + left, y * 56 + left + size);
  return { width: 56, height: 56, pixels };
}

describe('centreDrawing', () => {
  it('scales the ink to 20 of 28 pixels and centres it, wherever it was drawn', () => {
    const expected = Array.from({ length: 28 * 28 }, (_, i) => {
      const inside = (v: number) => v >= 4 && v < 24;
      return inside(i % 28) && inside(Math.floor(i / 28)) ? 255 : 0;
    });
    for (const drawing of [square(0, 0, 40), square(16, 16, 40), square(3, 9, 20)])
      expect([...centreDrawing(drawing, 28, 28)!.pixels]).toEqual(expected);
  });

  it('says when nothing is drawn', () => {
    expect(centreDrawing({ width: 4, height: 4, pixels: new Uint8Array(16) }, 28, 28)).toBeUndefined();
  });
});

it('turns dark ink on paper around, and leaves light strokes alone', () => {
  expect([...lightOnDark(Uint8Array.of(255, 255, 0, 200))]).toEqual([0, 0, 255, 55]);
  expect([...lightOnDark(Uint8Array.of(0, 0, 255, 0))]).toEqual([0, 0, 255, 0]);
});
