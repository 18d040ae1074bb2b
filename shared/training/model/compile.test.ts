import { describe, expect, it } from 'vitest';
import { MurmurationError } from '../../errors/index.ts';
import type { FederationInput } from '../../federation/index.ts';
import { makeModel } from '../../update/index.ts';
import { federationWith, MLP_LAYERS, SMALL_CNN_LAYERS } from '../testing.ts';
import { compileModel } from './compile.ts';

type Layers = FederationInput['model']['layers'];

describe('compileModel', () => {
  it('lays out a multilayer perceptron', () => {
    const { layout, outputSize, target } = compileModel(federationWith(MLP_LAYERS));
    expect(layout.parameters).toEqual([
      { name: '1.dense/kernel', shape: [784, 128], offset: 0, length: 100_352 },
      { name: '1.dense/bias', shape: [128], offset: 100_352, length: 128 },
      { name: '2.dense/kernel', shape: [128, 10], offset: 100_480, length: 1280 },
      { name: '2.dense/bias', shape: [10], offset: 101_760, length: 10 },
    ]);
    expect({ outputSize, target }).toEqual({ outputSize: 10, target: 'class' });
  });

  it('works out the shapes of a convolutional network', () => {
    const { layout, largestLayer } = compileModel(federationWith(SMALL_CNN_LAYERS));
    expect(layout.parameters.map(({ name, shape }) => [name, ...shape])).toEqual([
      ['0.conv2d/kernel', 3, 3, 1, 16],
      ['0.conv2d/bias', 16],
      ['2.conv2d/kernel', 3, 3, 16, 32],
      ['2.conv2d/bias', 32],
      ['5.dense/kernel', 7 * 7 * 32, 10],
      ['5.dense/bias', 10],
    ]);
    expect(largestLayer).toBe(28 * 28 * 16);
  });

  it('leaves out what fills no tile or stride', () => {
    const { layout } = compileModel(
      federationWith([
        { type: 'conv2d', filters: 2, kernelSize: 5, strides: 3, padding: 'valid' }, // (28 − 5) / 3 + 1 → 8
        { type: 'maxPool2d', poolSize: 3 }, // 8 / 3 → 2
        { type: 'flatten' },
        { type: 'dense', units: 10 },
      ]),
    );
    expect(layout.parameters[2]!.shape).toEqual([2 * 2 * 2, 10]);
  });

  const dense10 = { type: 'dense', units: 10 } as const;
  const refused: [string, Layers, string, string][] = [
    ['dense on an image', [dense10], 'model.layers[0]', 'an input of [features]'],
    [
      'conv after flatten',
      [{ type: 'flatten' }, { type: 'conv2d', filters: 2, kernelSize: 3 }, dense10],
      'model.layers[1]',
      'an input of [height, width, channels]',
    ],
    [
      'pool after flatten',
      [{ type: 'flatten' }, { type: 'maxPool2d' }, dense10],
      'model.layers[1]',
      'an input of [height, width, channels]',
    ],
    [
      'a kernel larger than the image',
      [{ type: 'conv2d', filters: 2, kernelSize: 29, padding: 'valid' }],
      'model.layers[0].kernelSize',
      'at most 28',
    ],
    [
      'a pool larger than the image',
      [{ type: 'maxPool2d', poolSize: 16 }, { type: 'maxPool2d' }],
      'model.layers[1].poolSize',
      'at most 1',
    ],
    [
      'too few outputs',
      [{ type: 'flatten' }, { type: 'dense', units: 9 }],
      'model.layers[1]',
      '10 outputs, one per label',
    ],
    [
      'an image as output',
      [{ type: 'conv2d', filters: 10, kernelSize: 3 }],
      'model.layers[0]',
      '10 outputs, one per label',
    ],
    [
      'an activation before the softmax',
      [{ type: 'flatten' }, { type: 'dense', units: 10, activation: 'relu' }],
      'model.layers[1].activation',
      'linear',
    ],
    [
      'too many parameters',
      [{ type: 'flatten' }, { type: 'dense', units: 65_536 }, dense10],
      'model.layers',
      'at most 50000000 parameters',
    ],
    [
      'too large a layer',
      [
        { type: 'conv2d', filters: 4096, kernelSize: 3 },
        { type: 'conv2d', filters: 4096, kernelSize: 3 },
      ],
      'model.layers[0]',
      'at most 3000000 per example',
    ],
  ];
  it.each(refused)('refuses %s', (_, layers, path, expected) => {
    expect(refusal(() => compileModel(federationWith(layers)))).toMatchObject({
      code: 'model.invalid',
      facts: { path, expected },
    });
  });

  it('refuses a model without parameters', () => {
    const records = { kind: 'records', features: 1 } as const;
    expect(refusal(() => compileModel(federationWith([{ type: 'flatten' }], records))).code).toBe(
      'model.invalid',
    );
  });

  it('refuses a loss that does not fit the target', () => {
    const { data, model } = federationWith(MLP_LAYERS);
    expect(
      refusal(() => compileModel({ data, model: { ...model, loss: 'meanSquaredError' } })),
    ).toMatchObject({
      code: 'model.invalid',
      facts: { path: 'model.loss', expected: 'softmaxCrossEntropy' },
    });
  });
});

describe('initial weights', () => {
  it('R-04: are the same bits on every device', () => {
    const { layout, initialWeights } = compileModel(federationWith(MLP_LAYERS));
    const model = makeModel(0, layout, initialWeights());
    expect([...model.weights.subarray(0, 3)]).toEqual([
      -0.01245989091694355, -0.024837085977196693, -0.0010890596313402057,
    ]);
    expect(model.hash).toBe('624c6437faba5a60217fd4544b3133d80cf57234641bc51a41b64fec0b0490cb');
  });

  it('fill the Glorot range and no more, and leave biases at zero', () => {
    const { layout, initialWeights } = compileModel(federationWith(MLP_LAYERS));
    const weights = initialWeights();
    const limit = Math.sqrt(6 / (784 + 128));
    const kernel = weights.subarray(0, 100_352);
    expect(Math.max(...kernel.subarray(0, 50_000))).toBeGreaterThan(0.99 * limit);
    expect(Math.min(...kernel.subarray(0, 50_000))).toBeLessThan(-0.99 * limit);
    expect(kernel.every((weight) => Math.abs(weight) <= Math.fround(limit))).toBe(true);
    expect(weights.subarray(100_352, 100_480).every((bias) => bias === 0)).toBe(true);
    expect(layout.length).toBe(weights.length);
  });

  it('depend on the seed and on the name of the parameter', () => {
    const { data, model } = federationWith([
      { type: 'flatten' },
      { type: 'dense', units: 784 },
      { type: 'dense', units: 784 },
      { type: 'dense', units: 10 },
    ]);
    const weights = compileModel({ data, model }).initialWeights();
    const reseeded = compileModel({ data, model: { ...model, seed: 'another' } }).initialWeights();
    const second = 784 * 784 + 784;
    expect(weights[0]).not.toBe(weights[second]);
    expect(weights[0]).not.toBe(reseeded[0]);
  });
});

function refusal(work: () => unknown): MurmurationError {
  try {
    work();
  } catch (error) {
    if (error instanceof MurmurationError) return error;
    throw error;
  }
  throw new Error('It was not refused.');
}
