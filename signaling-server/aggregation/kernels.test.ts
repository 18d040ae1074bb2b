import { expect, test } from 'vitest';
import { createAggregationKernels } from '../../shared/aggregate/native/index.ts';
import { plainKernels } from '../../shared/aggregate/robust/index.ts';
import { tfjsEngines } from '../engines/tfjs-engines.ts';
import { kernelFault } from './kernel-fault.ts';
import { tfjsKernels } from './tfjs-kernels.ts';

test('kernels that compute rightly pass', async () => {
  expect(await tfjsEngines[0]!.activate()).toBeUndefined();
  for (const kernels of [plainKernels, createAggregationKernels(), tfjsKernels])
    expect(kernelFault(kernels)).toBeUndefined();
});

test.each([
  ['weighted sums', { weightedSum: () => undefined }],
  ['medians', { median: plainKernels.median.bind(undefined, [Float32Array.of(Number.NaN)]) }],
  ['trimmed means', { trimmedMean: (rows, _, out) => plainKernels.trimmedMean(rows, 1, out) }],
  ['distances', { squaredDistances: (rows) => new Float64Array(rows.length ** 2) }],
] as [string, Partial<typeof plainKernels>][])('wrong %s are found', (what, wrong) => {
  expect(kernelFault({ ...plainKernels, ...wrong })).toBe(`It computes wrong ${what}.`);
});

test('more coordinates than fit one piece', async () => {
  expect(await tfjsEngines[0]!.activate()).toBeUndefined();
  const length = 140_000;
  const rows = [1, 2, 6].map((factor) => Float32Array.from({ length }, (_, i) => factor * (i % 11)));
  const expected = new Float32Array(length);
  const received = new Float32Array(length);
  plainKernels.median(rows, expected);
  tfjsKernels.median(rows, received);
  expect(received).toEqual(expected);
  plainKernels.trimmedMean(rows, 1, expected);
  tfjsKernels.trimmedMean(rows, 1, received);
  expect(received).toEqual(expected);
});

test('numbers in double precision are left to plain loops', () => {
  const rows = [Float64Array.of(1, 1e-17), Float64Array.of(3, 3e-17)];
  const out = new Float64Array(2);
  tfjsKernels.median(rows, out);
  expect([...out]).toEqual([2, 2e-17]);
});
