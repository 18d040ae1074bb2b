import { env, fill, memory, setBackend } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Examples } from '../../../shared/dataset/examples.ts';
import { type FederationInput, parseFederation } from '../../../shared/federation/index.ts';
import { webCryptoRandom } from '../../../shared/random/index.ts';
import {
  compileModel,
  conformanceFault,
  evaluateModel,
  type LocalTraining,
  PROBES,
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

  it('has every kernel that layers, activations, losses and clipping need', async () => {
    for (const probe of PROBES) expect(await conformanceFault([probe], signal), probe.of).toBeUndefined();
  });

  it.each<[string, Partial<FederationInput['training']>, Partial<LocalTraining>]>([
    ['momentum', { optimizer: { type: 'sgd', learningRate: 0.1, momentum: 0.5 } }, {}],
    [
      'Nesterov and decay',
      { optimizer: { type: 'sgd', learningRate: 0.1, momentum: 0.5, nesterov: true, weightDecay: 0.01 } },
      {},
    ],
    ['Adam', { optimizer: { type: 'adam', learningRate: 0.1 } }, {}],
    ['AdamW', { optimizer: { type: 'adamw', learningRate: 0.1 } }, {}],
    ['a proximal term', { proximal: 0.1 }, {}],
    ['a control variate', {}, { control: Float32Array.of(0.1, 0.1) }],
  ])('has every kernel that training with %s needs', async (_, training, job) => {
    const trained = await trainLine(training, job);
    expect(trained.update.delta.every((change) => Number.isFinite(change) && change !== 0)).toBe(true);
  });

  it('has every kernel that training with record-level privacy needs', async () => {
    const record = { clipNorm: 1, noiseMultiplier: 0.5, sampling: 'poisson' } as const;
    const privacy = { record, random: webCryptoRandom(crypto) };
    const { update } = await trainLine({ epochs: 20 }, { privacy });
    expect(update.recordNoise).toMatchObject({ noiseMultiplier: 0.5, clipNorm: 1 });
    expect(update.delta.every((change) => Number.isFinite(change) && change !== 0)).toBe(true);
  });

  it('says so when there is not enough memory', () => {
    const nearly4GiB = 2 ** 30 - 1;
    expect(() => fill([nearly4GiB], 1)).toThrow('There is not enough memory.');
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

/** A line through two points, for a few steps. */
function trainLine(training: Partial<FederationInput['training']>, job: Partial<LocalTraining>) {
  const federation = parseFederation({
    ...document,
    data: { kind: 'records', features: 1 },
    model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
    training: { epochs: 2, ...training },
  });
  const compiled = compileModel(federation);
  const examples: Examples = { count: 2, inputs: Float32Array.of(-1, 2), targets: Float32Array.of(-1, 3) };
  const base = makeModel(0, compiled.layout, compiled.initialWeights());
  return trainLocally({
    compiled,
    examples,
    base,
    training: federation.training,
    seed: 'seed',
    signal,
    ...job,
  });
}
