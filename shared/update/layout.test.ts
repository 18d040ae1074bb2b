import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { layoutOf } from './layout.ts';

test('parameters lie one after the other, in the order they are declared', () => {
  const { parameters, length } = layoutOf([
    { name: 'kernel', shape: [3, 2] },
    { name: 'bias', shape: [2] },
    { name: 'scale', shape: [] },
  ]);
  expect(parameters.map(({ name, offset, length }) => [name, offset, length])).toEqual([
    ['kernel', 0, 6],
    ['bias', 6, 2],
    ['scale', 8, 1],
  ]);
  expect(length).toBe(9);
});

test('M-01: the hash covers names and shapes in order', () => {
  const shapes = [
    { name: 'kernel', shape: [3, 2] },
    { name: 'bias', shape: [2] },
  ];
  const { hash } = layoutOf(shapes);
  expect(hash).toBe(createHash('sha256').update('[["kernel",3,2],["bias",2]]').digest('hex'));
  for (const other of [
    [...shapes].reverse(),
    [{ name: 'kernel', shape: [2, 3] }, shapes[1]!],
    [{ name: 'kernels', shape: [3, 2] }, shapes[1]!],
  ])
    expect(layoutOf(other).hash).not.toBe(hash);
});

test.each([
  ['nothing', []],
  [
    'a name twice',
    [
      { name: 'w', shape: [1] },
      { name: 'w', shape: [2] },
    ],
  ],
  ['a dimension of zero', [{ name: 'w', shape: [2, 0] }]],
  ['a fraction', [{ name: 'w', shape: [1.5] }]],
])('%s is refused as model.invalid', (_, shapes) => {
  expect(() => layoutOf(shapes)).toThrow(expect.objectContaining({ code: 'model.invalid' }));
});
