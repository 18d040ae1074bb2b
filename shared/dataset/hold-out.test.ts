import { expect, test } from 'vitest';
import { holdOut } from './hold-out.ts';

const ten = {
  count: 10,
  inputs: Uint8Array.from({ length: 20 }, (_, i) => Math.floor(i / 2)),
  targets: Uint16Array.from({ length: 10 }, (_, i) => i),
};

test('every example lands on exactly one side, its row with its target', () => {
  const { training, held } = holdOut(ten, 0.2, 'seed');
  expect([training.count, held.count]).toEqual([8, 2]);
  expect([...training.targets, ...held.targets].sort((a, b) => a - b)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ]);
  for (const side of [training, held]) {
    side.targets.forEach((target, i) => {
      expect([...side.inputs.subarray(2 * i, 2 * i + 2)]).toEqual([target, target]);
    });
  }
});

test('one seed splits one way; another splits otherwise', () => {
  expect(holdOut(ten, 0.3, 'a').held.targets).toEqual(holdOut(ten, 0.3, 'a').held.targets);
  expect(holdOut(ten, 0.3, 'a').held.targets).not.toEqual(holdOut(ten, 0.3, 'b').held.targets);
});

test('one example cannot be split', () => {
  expect(() => holdOut({ ...ten, count: 1 }, 0.1, 'a')).toThrow(
    expect.objectContaining({ code: 'data.too-small' }),
  );
});

test('several targets of one example stay together', () => {
  const pairs = { ...ten, targets: Uint16Array.from({ length: 20 }, (_, i) => Math.floor(i / 2)) };
  const { training, held } = holdOut(pairs, 0.2, 'seed');
  expect([...training.targets]).toEqual([...training.inputs]);
  expect([...held.targets]).toEqual([...held.inputs]);
});
