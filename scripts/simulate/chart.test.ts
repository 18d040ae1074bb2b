import { expect, test } from 'vitest';
import { chartLines, sideBySide } from './chart.ts';

const format = (value: number) => value.toFixed(1);

test('a rising line goes from the lower left to the upper right', () => {
  const lines = chartLines(
    [
      { round: 1, value: 0 },
      { round: 2, value: 1 },
    ],
    { title: 'rising', width: 4, height: 2, last: 2, range: [0, 1], format },
  );
  // Eight columns by eight rows of dots, one on each place of the diagonal.
  expect(lines).toEqual([
    '        rising'.slice(0, 12),
    '   1.0 │⠀⠀⡠⠊',
    '   0.0 │⡠⠊⠀⠀',
    '       1──2 '.slice(0, 12),
  ]);
});

test('nothing, one point and equal values are drawn too, within the frame', () => {
  for (const points of [[], [{ round: 1, value: 5 }], [1, 2, 3].map((round) => ({ round, value: 5 }))]) {
    const lines = chartLines(points, { title: 't', width: 10, height: 3, last: 3, format });
    expect(lines).toHaveLength(5);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  }
});

test('what is beyond the range stays at its edge', () => {
  const options = { title: 't', width: 2, height: 1, last: 2, range: [0, 1] as const, format };
  const far = chartLines([{ round: 1, value: 9 }], options);
  expect(far).toEqual(chartLines([{ round: 1, value: 1 }], options));
});

test('charts stand next to each other', () => {
  expect(
    sideBySide([
      ['a', 'b'],
      ['c', 'd'],
    ]),
  ).toEqual(['a  c', 'b  d']);
});
