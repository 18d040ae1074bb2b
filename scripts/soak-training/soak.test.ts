import { scalar } from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { useBackend } from '../../shared/training/testing.ts';
import { createSoak } from './soak.ts';

beforeAll(() => useBackend('wasm'));

test('rounds and cancelled jobs leave nothing behind, and what is left behind is seen', async () => {
  const soak = createSoak();
  await soak.rounds(0, 4);
  await soak.cancel(4, 'warm-up');
  const before = await soak.held();
  await soak.rounds(4, 4);
  const reports = await soak.cancel(8, 'seed');
  expect(reports.map(({ jobs, leaks }) => ({ jobs, leaks }))).toEqual(
    reports.map(() => ({ jobs: 2, leaks: 0 })),
  );
  expect(reports.find(({ interruption }) => interruption === 'train after steps')!.cancelled).toBe(2);
  expect(await soak.held()).toEqual(before);

  const forgotten = scalar(1);
  const { tensors, tensorBytes, allocations } = await soak.held();
  expect({ tensors, tensorBytes, allocations }).toEqual({
    tensors: before.tensors + 1,
    tensorBytes: before.tensorBytes + 4,
    allocations: before.allocations + 1,
  });
  forgotten.dispose();
  expect(await soak.held()).toEqual(before);
});
