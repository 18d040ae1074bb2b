import { describe, expect, test } from 'vitest';
import { encodeImage, folderLabel } from './image.ts';

const grey = (...values: number[]) => Uint8Array.from(values.flatMap((value) => [value, value, value, 255]));

describe('encodeImage', () => {
  test('an image of the right size comes out as it is', () => {
    const rgba = grey(0, 100, 200, 255);
    expect([...encodeImage({ width: 2, height: 2, rgba }, { width: 2, height: 2, channels: 1 })]).toEqual([
      0, 100, 200, 255,
    ]);
  });

  test('a shrunk pixel is the mean over the area it covers', () => {
    const rgba = grey(0, 100, 200, 100);
    expect([...encodeImage({ width: 2, height: 2, rgba }, { width: 1, height: 1, channels: 1 })]).toEqual([
      100,
    ]);
    // 3 → 2 pixels: the first covers pixel 0 and half of pixel 1, so (0 + 90 / 2) / 1.5 = 30.
    const row = grey(0, 90, 30);
    expect([
      ...encodeImage({ width: 3, height: 1, rgba: row }, { width: 2, height: 1, channels: 1 }),
    ]).toEqual([30, 50]);
  });

  test('a small image is enlarged', () => {
    const rgba = grey(10, 20);
    expect([...encodeImage({ width: 2, height: 1, rgba }, { width: 4, height: 2, channels: 1 })]).toEqual([
      10, 10, 20, 20, 10, 10, 20, 20,
    ]);
  });

  test('three channels keep their order; one is luma', () => {
    const rgba = Uint8Array.of(100, 150, 200, 255);
    const size = { width: 1, height: 1 };
    expect([...encodeImage({ ...size, rgba }, { ...size, channels: 3 })]).toEqual([100, 150, 200]);
    // 0.299 × 100 + 0.587 × 150 + 0.114 × 200 = 140.75
    expect([...encodeImage({ ...size, rgba }, { ...size, channels: 1 })]).toEqual([141]);
  });

  test('transparent parts are white', () => {
    const rgba = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 51);
    expect([...encodeImage({ width: 2, height: 1, rgba }, { width: 2, height: 1, channels: 1 })]).toEqual([
      255, 204,
    ]);
  });

  test('pixels that do not fit the size are refused', () => {
    expect(() =>
      encodeImage({ width: 2, height: 2, rgba: grey(1) }, { width: 1, height: 1, channels: 1 }),
    ).toThrow('Expected 16 bytes, received 4 bytes');
  });
});

test('the label is the folder that the image lies in', () => {
  expect(folderLabel('digits/7/0001.png')).toBe('7');
  expect(folderLabel('cats/a.jpg')).toBe('cats');
  expect(folderLabel('a.jpg')).toBeUndefined();
});
