import { describe, expect, it } from 'vitest';
import { trainingSchema } from '../federation/index.ts';
import { seededRandom } from '../random/index.ts';
import { augmenter, type Motion, moveImage } from './augment.ts';
import { memorySource, type Rows } from './source.ts';

const still: Motion = { flip: false, radians: 0, right: 0, down: 0 };
/** 1 2 3 / 4 5 6 / 7 8 9 */
const square = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);

function moved(motion: Partial<Motion>, image = square, channels = 1): number[] {
  const into = new Float32Array(image.length).fill(77);
  const width = image.length / 3 / channels;
  moveImage(image, { height: 3, width, channels }, { ...still, ...motion }, into);
  return [...into].map((value) => Math.round(value * 1e6) / 1e6);
}

describe('moveImage', () => {
  it.each<[string, Partial<Motion>, number[][]]>([
    [
      'as it is',
      {},
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
    ],
    [
      'one pixel to the right',
      { right: 1 },
      [
        [0, 1, 2],
        [0, 4, 5],
        [0, 7, 8],
      ],
    ],
    [
      'one pixel up',
      { down: -1 },
      [
        [4, 5, 6],
        [7, 8, 9],
        [0, 0, 0],
      ],
    ],
    [
      'out of sight',
      { right: 3 },
      [
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 0],
      ],
    ],
    [
      'flipped',
      { flip: true },
      [
        [3, 2, 1],
        [6, 5, 4],
        [9, 8, 7],
      ],
    ],
    [
      'a quarter turn clockwise',
      { radians: Math.PI / 2 },
      [
        [7, 4, 1],
        [8, 5, 2],
        [9, 6, 3],
      ],
    ],
    [
      'a half turn',
      { radians: Math.PI },
      [
        [9, 8, 7],
        [6, 5, 4],
        [3, 2, 1],
      ],
    ],
    [
      'flipped, turned, then moved',
      { flip: true, radians: Math.PI / 2, right: 1 },
      [
        [0, 9, 6],
        [0, 8, 5],
        [0, 7, 4],
      ],
    ],
  ])('%s', (_, motion, rows) => {
    expect(moved(motion)).toEqual(rows.flat());
  });

  it('interpolates between four pixels', () => {
    // Clockwise by 45°: what is now right of the centre came from (1 + 1/√2, 1 − 1/√2), between 2, 3, 5 and 6.
    // The image is linear, column + 3 × row + 1, and so is what lies between: 5 + 1/√2 − 3/√2.
    expect(moved({ radians: Math.PI / 4 })[5]).toBeCloseTo(5 - Math.SQRT2, 5);
    expect(moved({ radians: Math.PI / 4 })[4]).toBe(5);
  });

  it('moves all channels of a pixel together', () => {
    const colours = Float32Array.of(1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60);
    expect(moved({ right: 1 }, colours, 2)).toEqual([0, 0, 1, 10, 0, 0, 3, 30, 0, 0, 5, 50]);
  });
});

const image = { inputShape: [1, 2, 1], inputSize: 2 };
const spec = (changes: object) => trainingSchema.parse({ augmentation: changes }).augmentation;
const { signal } = new AbortController();
/** 2000 times a bright pixel to the left of a dark one. */
const pairs = (): Promise<Rows> => {
  const count = 2000;
  const examples = {
    count,
    inputs: Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 255 : 0)),
    targets: Uint16Array.from({ length: count }, (_, i) => i),
  };
  return memorySource(examples).read(
    Uint32Array.from({ length: count }, (_, i) => count - 1 - i),
    signal,
  );
};
/** How often each [left, right] came out, in percent. */
function shares({ examples }: Rows): Record<string, number> {
  const found: Record<string, number> = {};
  for (let i = 0; i < examples.count; i++) {
    const pixels = [...examples.inputs.subarray(2 * i, 2 * i + 2)].join(' ');
    found[pixels] = (found[pixels] ?? 0) + 100 / examples.count;
  }
  return found;
}

describe('augmenter', () => {
  it('is nothing when nothing is to be changed', () => {
    expect(augmenter(image, spec({}))).toBeUndefined();
  });

  it('flips every other image', async () => {
    const flipped = augmenter(image, spec({ flipHorizontally: true }))!(await pairs(), seededRandom('flip'));
    // 2000 coins: five standard deviations are 5.6 percent.
    expect(shares(flipped)).toEqual({ '1 0': expect.closeTo(50, -1), '0 1': expect.closeTo(50, -1) });
    expect(Math.abs(shares(flipped)['1 0']! - 50)).toBeLessThan(5.6);
  });

  it('shifts by each distance equally often', async () => {
    const shifted = augmenter(image, spec({ shift: 1 }))!(await pairs(), seededRandom('shift'));
    // To the right or not, in one of three rows (a third each): 1/9 each; everything else is out of sight.
    const found = shares(shifted);
    expect(Object.keys(found).sort()).toEqual(['0 0', '0 1', '1 0']);
    for (const kept of ['1 0', '0 1']) expect(Math.abs(found[kept]! - 100 / 9)).toBeLessThan(3.6);
  });

  it('turns either way, by no more than it may', async () => {
    const size = { inputShape: [3, 3, 1], inputSize: 9 };
    const bright = Float32Array.of(0, 0, 0, 0, 0, 1, 0, 0, 0);
    const examples = { count: 1, inputs: bright, targets: Uint16Array.of(0) };
    const rows = await memorySource(examples).read(new Uint32Array(500), signal);
    const { inputs } = augmenter(size, spec({ rotateDegrees: 45 }))!(rows, seededRandom('turn')).examples;
    let [clockwise, counter] = [0, 0];
    for (let i = 0; i < 500; i++) {
      clockwise += inputs[9 * i + 8]! > 0 ? 1 : 0;
      counter += inputs[9 * i + 2]! > 0 ? 1 : 0;
      // Beyond an eighth of a turn.
      expect(inputs[9 * i + 3]).toBe(0);
    }
    expect(clockwise + counter).toBe(500);
    // Five standard deviations of 500 coins.
    expect(Math.abs(clockwise - 250)).toBeLessThan(56);
  });

  it('is the same for the same seed, and leaves targets and the data set as they are', async () => {
    const augment = augmenter(image, spec({ flipHorizontally: true, shift: 1 }))!;
    const rows = await pairs();
    const before = rows.examples.inputs.slice();
    const [first, again, other] = ['a', 'a', 'b'].map((seed) => augment(rows, seededRandom(seed)));
    expect(again).toEqual(first);
    expect(other!.examples.inputs).not.toEqual(first!.examples.inputs);
    expect([...first!.examples.targets.subarray(0, 3)]).toEqual([1999, 1998, 1997]);
    expect(rows.examples.inputs).toEqual(before);
  });

  it('is refused for anything but images', () => {
    const build = () => augmenter({ inputShape: [2], inputSize: 2 }, spec({ shift: 1 }));
    expect(build).toThrow(expect.objectContaining({ code: 'model.invalid' }));
  });
});
