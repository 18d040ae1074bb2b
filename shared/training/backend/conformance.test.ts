import { writeFileSync } from 'node:fs';
import {
  getKernel,
  type KernelConfig,
  memory,
  registerKernel,
  type TensorInfo,
  unregisterKernel,
} from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { federationSchema, modelSchema } from '../../federation/index.ts';
import { useBackend } from '../testing.ts';
import { conformanceFault, flatten, runProbe } from './conformance.ts';
import { PROBE_EXPECTATIONS } from './probe-expectations.ts';
import { PROBES, partsOf, probesFor } from './probe-table.ts';

const { signal } = new AbortController();

/** Every value of `key` in the model's schema that is a constant or an enumeration, wherever it stands. */
function namesIn(schema: unknown, key: string): Set<string> {
  const found = new Set<string>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { properties } = node as { properties?: Record<string, { const?: string; enum?: string[] }> };
    const named = properties?.[key];
    for (const name of named?.enum ?? (named?.const === undefined ? [] : [named.const])) found.add(name);
    Object.values(node).forEach(visit);
  };
  visit(schema);
  return found;
}

describe('probes', () => {
  const schema = z.toJSONSchema(modelSchema, { io: 'input' });
  it.each(['type', 'activation', 'loss'])('cover every %s of a model', (key) => {
    const names = namesIn(schema, key);
    expect(names.size).toBeGreaterThan(3);
    const covered = new Set(PROBES.map(({ of }) => of.split(' ')[0]));
    expect([...names].filter((name) => !covered.has(name))).toEqual([]);
  });

  it('use what they are for', () => {
    for (const { of, model } of PROBES) expect(partsOf(model)).toContain(of.split(' ')[0]);
    expect(federationSchema.shape.model).toBe(modelSchema);
  });

  it('are few for a model of few parts', () => {
    const model = modelSchema.parse({
      layers: [
        { type: 'flatten' },
        { type: 'residual', layers: [{ type: 'dense', units: 3, activation: 'gelu' }] },
      ],
      loss: 'huber',
    });
    expect(probesFor(model).map(({ of }) => of)).toEqual(['dense', 'flatten', 'residual', 'gelu', 'huber']);
  });
});

describe('conformance', () => {
  it('is to what the cpu backend computes', async () => {
    await useBackend('cpu');
    if (process.env.UPDATE_PROBES !== undefined) await storeExpectations();
    expect(Object.keys(PROBE_EXPECTATIONS)).toEqual(PROBES.map(({ of }) => of));
    expect(await conformanceFault(PROBES, signal)).toBeUndefined();
  });

  it('is reached by the WASM backend, and leaves no tensor behind', async () => {
    await useBackend('wasm');
    const before = memory().numTensors;
    expect(await conformanceFault(PROBES, signal)).toBeUndefined();
    expect(memory().numTensors).toBe(before);
  });

  it.each(PROBES.map((probe) => [probe.of, probe] as const))(
    'shows a clipped sum that is not the plain one: %s',
    async (_, probe) => {
      await useBackend('wasm');
      const { gradients, clipped } = await runProbe(probe);
      if (partsOf(probe.model).has('batchNorm')) return expect(clipped).toEqual([]);
      expect(clipped).toHaveLength(gradients.length);
      expect(clipped.map(({ value }) => value)).not.toEqual(gradients.map(({ value }) => value));
    },
  );

  it('ends when it is cancelled', async () => {
    await useBackend('cpu');
    await expect(conformanceFault(PROBES, AbortSignal.abort())).rejects.toMatchObject({
      code: 'training.cancelled',
    });
  });

  it('is missed by a wrong kernel', async () => {
    await useBackend('cpu');
    const sigmoid = getKernel('Sigmoid', 'cpu')!;
    const fault = await withKernel('Tanh', (tanh) => ({ ...tanh, kernelFunc: sigmoid.kernelFunc }));
    expect(fault).toMatch(/^It computes wrong outputs for \w+, off by/);
  });

  it('is missed by a kernel that answers NaN', async () => {
    await useBackend('cpu');
    const fault = await withKernel('Add', (add) => changed(add, () => Number.NaN));
    expect(fault).toMatch(/not even numbers/);
  });

  it('is missed in half precision, by each probe with a product', async () => {
    await useBackend('cpu');
    const products = ['BatchMatMul', '_FusedMatMul', 'Conv2D', 'Conv2DBackpropFilter', 'Conv2DBackpropInput'];
    const faults = await withKernels(
      products,
      (kernel) => changed(kernel, toHalf),
      () => Promise.all(PROBES.map((probe) => conformanceFault([probe], signal))),
    );
    const passed = PROBES.filter((_, i) => faults[i] === undefined).map(({ of }) => of);
    expect(passed).toEqual([]);
  });
});

/** What the work finds with other kernels in place of cpu's. */
async function withKernels<T>(
  names: readonly string[],
  replace: (kernel: KernelConfig) => KernelConfig,
  work: () => Promise<T>,
): Promise<T> {
  const right = names.map((name) => getKernel(name, 'cpu')!);
  for (const kernel of right) {
    unregisterKernel(kernel.kernelName, 'cpu');
    registerKernel(replace(kernel));
  }
  try {
    return await work();
  } finally {
    for (const kernel of right) {
      unregisterKernel(kernel.kernelName, 'cpu');
      registerKernel(kernel);
    }
  }
}

const withKernel = (name: string, replace: (kernel: KernelConfig) => KernelConfig) =>
  withKernels([name], replace, () => conformanceFault(PROBES, signal));

function changed(kernel: KernelConfig, change: (value: number) => number): KernelConfig {
  return {
    ...kernel,
    kernelFunc: (call) => {
      const output = kernel.kernelFunc(call) as TensorInfo;
      const backend = call.backend as {
        readSync(id: object): Float32Array;
        write(values: Float32Array, shape: number[], dtype: 'float32'): object;
      };
      const values = backend.readSync(output.dataId).map(change);
      return { ...output, dataId: backend.write(values, output.shape, 'float32') };
    },
  };
}

/** To the 11 significant bits of IEEE 754 binary16; its range is not needed here. */
function toHalf(value: number): number {
  if (value === 0) return 0;
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10);
  return Math.round(value / unit) * unit;
}

async function storeExpectations(): Promise<void> {
  const lines: string[] = [];
  for (const probe of PROBES) {
    const values = flatten(await runProbe(probe)).map(({ value }) => Number(value.toPrecision(7)));
    const name = /^\w+$/.test(probe.of) ? probe.of : `'${probe.of}'`;
    lines.push(`  ${name}: [${values.join(', ')}],`);
    Object.assign(PROBE_EXPECTATIONS, { [probe.of]: values });
  }
  const text = `/** What the cpu backend computes for each probe, as conformance.test.ts stores it: outputs, losses, gradients, clipped. */
export const PROBE_EXPECTATIONS: Readonly<Record<string, readonly number[]>> = {
${lines.join('\n')}
};
`;
  writeFileSync(new URL('./probe-expectations.ts', import.meta.url), text);
}
