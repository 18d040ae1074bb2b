import { env, memory, setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Examples } from '../../../shared/dataset/examples.ts';
import { parseFederation } from '../../../shared/federation/index.ts';
import {
  chooseBackend,
  compileModel,
  evaluateModel,
  predict,
  registerMissingWasmKernels,
  trainLocally,
} from '../../../shared/training/index.ts';
import { makeModel } from '../../../shared/update/index.ts';
import { setWasmPaths } from './wasm-backend.ts';

const { signal } = new AbortController();
const document = { format: 'murmuration/federation', formatVersion: 1, id: 'test', name: 'Test' };

describe('the WASM backend of the page', () => {
  beforeAll(async () => {
    const dist = new URL('../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url);
    setWasmPaths(decodeURIComponent(dist.pathname));
    env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    registerMissingWasmKernels();
    await setBackend('wasm');
  });

  it('has every kernel that layers and activations need', async () => {
    // The backend probe trains all of them, with momentum.
    const { data, model } = parseFederation({
      ...document,
      data: { kind: 'image', width: 8, height: 8, channels: 3, labels: ['a', 'b'] },
      model: {
        layers: [
          { type: 'conv2d', filters: 4, kernelSize: 3, strides: 2, activation: 'relu' },
          { type: 'maxPool2d' },
          { type: 'flatten' },
          { type: 'dense', units: 2 },
        ],
        loss: 'softmaxCrossEntropy',
      },
    });
    const compiled = compileModel({ data, model });
    const candidate = { name: 'wasm', activate: async () => ({ ready: true }) as const };
    expect(await chooseBackend([candidate], { compiled, batchSize: 4, signal })).toMatchObject({
      name: 'wasm',
      passedOver: [],
    });
  });

  it('trains, evaluates and predicts a value', async () => {
    const { data, model, training } = parseFederation({
      ...document,
      data: { kind: 'records', features: 1 },
      model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
      training: { epochs: 50 },
    });
    const compiled = compileModel({ data, model });
    const examples: Examples = { count: 2, inputs: Float32Array.of(-1, 1), targets: Float32Array.of(-1, 3) };
    const base = makeModel(0, compiled.layout, compiled.initialWeights());
    const before = memory();
    const { update } = await trainLocally({ compiled, examples, base, training, seed: 'seed', signal });
    const weights = base.weights.map((weight, i) => weight + update.delta[i]!);
    const trained = makeModel(1, compiled.layout, weights);
    // y = 2x + 1 goes through both.
    expect([...weights]).toEqual([expect.closeTo(2, 3), expect.closeTo(1, 3)]);
    expect((await evaluateModel({ compiled, examples, model: trained, signal })).lossSum).toBeLessThan(1e-5);
    expect([...(await predict({ compiled, weights, inputs: Float32Array.of(10) }))]).toEqual([
      expect.closeTo(21, 2),
    ]);
    expect(memory()).toEqual(before);
  });
});
