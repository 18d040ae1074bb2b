import { type Tensor1D, tidy } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Federation, FederationInput } from '../../federation/index.ts';
import { syntheticExamples } from '../backend/probe.ts';
import { inputBatch, targetBatch } from '../batches.ts';
import { tensorsOf, weightsOf } from '../parameters.ts';
import { disposeSgd, initSgd } from '../sgd.ts';
import { stepOnBatch } from '../step.ts';
import { federationWith, useBackend } from '../testing.ts';
import { type CompiledModel, compileModel } from './compile.ts';

type Layers = FederationInput['model']['layers'];

const image: FederationInput['data'] = {
  kind: 'image',
  width: 5,
  height: 4,
  channels: 3,
  labels: ['a', 'b', 'c'],
};
const end: Layers = [{ type: 'flatten' }, { type: 'dense', units: 3 }];
const models: Record<string, Federation> = {
  'dense, mean squared error': federationWith([{ type: 'dense', units: 1 }], {
    kind: 'records',
    features: 3,
  }),
  'dense, softmax cross-entropy': federationWith(end, image),
  'dense with relu': federationWith(
    [{ type: 'flatten' }, { type: 'dense', units: 4, activation: 'relu' }, end[1]!],
    image,
  ),
  'dense with tanh': federationWith(
    [{ type: 'flatten' }, { type: 'dense', units: 4, activation: 'tanh' }, end[1]!],
    image,
  ),
  'dense with sigmoid': federationWith(
    [{ type: 'flatten' }, { type: 'dense', units: 4, activation: 'sigmoid' }, end[1]!],
    image,
  ),
  'conv2d, same': federationWith([{ type: 'conv2d', filters: 2, kernelSize: 3 }, ...end], image),
  'conv2d, valid, strides 2': federationWith(
    [{ type: 'conv2d', filters: 2, kernelSize: 2, strides: 2, padding: 'valid', activation: 'tanh' }, ...end],
    image,
  ),
  'conv2d on conv2d': federationWith(
    [
      { type: 'conv2d', filters: 2, kernelSize: 2, activation: 'tanh' },
      { type: 'conv2d', filters: 2, kernelSize: 3, activation: 'sigmoid' },
      ...end,
    ],
    image,
  ),
  'maxPool2d on conv2d': federationWith(
    [{ type: 'conv2d', filters: 2, kernelSize: 3 }, { type: 'maxPool2d' }, ...end],
    image,
  ),
};

const STEP = 2e-3;
const BATCH = [0, 1, 2, 3];

describe.each(['cpu', 'wasm'] as const)('gradients on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it.each(Object.keys(models))('of %s agree with finite differences', async (name) => {
    const compiled = compileModel(models[name]!);
    const weights = compiled.initialWeights();
    const gradient = await gradientAt(compiled, weights);
    const numeric = weights.map((weight, i) => {
      const at = (value: number) => lossAt(compiled, weights.with(i, value));
      return (at(weight + STEP) - at(weight - STEP)) / (2 * STEP);
    });
    const worst = Math.max(...gradient.map((value, i) => Math.abs(value - numeric[i]!)));
    expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(0.05);
    expect(worst).toBeLessThan(1e-3);
  });
});

/** One step with learning rate 1 moves by minus the gradient. */
async function gradientAt(compiled: CompiledModel, weights: Float32Array): Promise<Float32Array> {
  const examples = syntheticExamples(compiled, BATCH.length);
  const { state, loss } = stepOnBatch(
    compiled,
    examples,
    { type: 'sgd', learningRate: 1, momentum: 0 },
    initSgd(tensorsOf(compiled.layout, weights), 0),
    BATCH,
  );
  const moved = await weightsOf(compiled.layout, state.parameters);
  disposeSgd(state);
  loss.dispose();
  return moved.map((weight, i) => weights[i]! - weight);
}

function lossAt(compiled: CompiledModel, weights: Float32Array): number {
  const { inputs, targets } = syntheticExamples(compiled, BATCH.length);
  return tidy(() => {
    const outputs = compiled.forward(
      tensorsOf(compiled.layout, weights),
      inputBatch(compiled, inputs, BATCH),
    );
    return compiled.loss(outputs, targetBatch(compiled, targets, BATCH) as Tensor1D).dataSync()[0]!;
  });
}
