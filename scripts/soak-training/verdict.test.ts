import { expect, test } from 'vitest';
import type { Sample } from './host.ts';
import { faultsOf, slopeOf } from './verdict.ts';

const flat = (round: number): Sample => ({
  round,
  tensors: 3,
  tensorBytes: 120,
  wasmHeapBytes: 2 ** 24,
  allocations: 3,
  jsHeapBytes: 10_000_000,
});
const report = { interruption: 'evaluate', jobs: 50, cancelled: 20, leaks: 0 } as const;

test('the slope of a line', () => {
  // y = 2x + 1, and points a unit above and below it.
  expect(
    slopeOf([
      [0, 1],
      [1, 3],
      [2, 5],
    ]),
  ).toBe(2);
  expect(
    slopeOf([
      [0, 2],
      [0, 0],
      [2, 6],
      [2, 4],
    ]),
  ).toBe(2);
});

test('what stays the same is no fault', () => {
  expect(faultsOf([flat(0), flat(100), flat(200)], [report])).toEqual([]);
});

test('a heap that moves, but does not grow, is no fault', () => {
  const samples = [0, 100, 200].map((round, i) => ({ ...flat(round), jsHeapBytes: 1e7 + (i % 2) * 1e6 }));
  expect(faultsOf(samples, [])).toEqual([]);
});

test.each([
  ['tensors', 'tensors: 3 at round 0, 4 at round 100.', { tensors: 4 }],
  ['bytes', 'tensorBytes: 120 at round 0, 124 at round 100.', { tensorBytes: 124 }],
  ['the WASM heap', 'wasmHeapBytes: 16777216 at round 0, 33554432 at round 100.', { wasmHeapBytes: 2 ** 25 }],
  ['scratch memory', 'allocations: 3 at round 0, 5 at round 100.', { allocations: 5 }],
])('names a leak of %s', (_, fault, change) => {
  expect(faultsOf([flat(0), { ...flat(100), ...change }], [])).toEqual([fault]);
});

test('names a JavaScript heap that grows in the second half; in the first, code is compiled', () => {
  const growing = [0, 100, 200, 300].map((round) => ({ ...flat(round), jsHeapBytes: 1e7 + 3000 * round }));
  expect(faultsOf(growing, [])).toEqual([
    'jsHeapBytes: grows by 300000 in the last 100 rounds; 256000 is noise.',
  ]);
  const early = [0, 100, 200, 300].map((round) => ({ ...flat(round), jsHeapBytes: round === 0 ? 1e6 : 1e7 }));
  expect(faultsOf(early, [])).toEqual([]);
});

test('names jobs that left something behind, and an interruption that interrupted nothing', () => {
  expect(faultsOf([flat(0), flat(100)], [{ ...report, leaks: 2 }])).toEqual([
    'evaluate: 2 of 50 jobs left something behind.',
  ]);
  expect(faultsOf([flat(0), flat(100)], [{ ...report, cancelled: 0 }])).toEqual([
    'evaluate: no job was cut short.',
  ]);
});

test('one sample shows nothing', () => {
  expect(faultsOf([flat(0)], [])).toEqual(['There are too few samples to compare.']);
});
