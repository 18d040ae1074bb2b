import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type DataSchema,
  type FederationInput,
  type ModelSpec,
  parseFederation,
} from '../../federation/index.ts';
import { seededRandom } from '../../random/index.ts';
import { compileModel } from '../model/compile.ts';
import { tensorsOf } from '../parameters.ts';
import { useBackend } from '../testing.ts';
import type { JsonObject } from './json.ts';
import { exportKeras, type KerasFiles } from './keras-export.ts';
import { type ImportedModel, importKeras } from './keras-import.ts';
import type { NamedBytes } from './keras-weights.ts';

beforeAll(() => useBackend('cpu'));

const TOLERANCE = 1e-6;
const { layers: L } = tf;
type Layers = FederationInput['model']['layers'];

/** What stock tfjs saves, as the files it would write. */
async function saved(model: tf.LayersModel): Promise<{ json: JsonObject; shards: NamedBytes[] }> {
  let artifacts: tf.io.ModelArtifacts | undefined;
  await model.save({
    save: async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    },
  });
  const { weightData, weightSpecs, ...rest } = artifacts!;
  const json = { ...rest, weightsManifest: [{ paths: ['./a.weights.bin'], weights: weightSpecs }] };
  return {
    json: JSON.parse(JSON.stringify(json)) as JsonObject,
    shards: [{ name: 'a.weights.bin', bytes: new Uint8Array(weightData as ArrayBuffer) }],
  };
}

async function load({ modelJson, shard }: KerasFiles): Promise<tf.LayersModel> {
  const { modelTopology, weightsManifest, userDefinedMetadata } = structuredClone(modelJson) as unknown as {
    modelTopology: object;
    weightsManifest: { weights: tf.io.WeightsManifestEntry[] }[];
    userDefinedMetadata: Record<string, object>;
  };
  return tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology,
      weightSpecs: weightsManifest[0]!.weights,
      weightData: shard.bytes.buffer,
      userDefinedMetadata,
    }),
  );
}

/** Every weight from −1 to 1, so that no layer is at its initial, harmless values; variances above zero. */
function randomize(model: tf.LayersModel, seed: string): tf.LayersModel {
  const random = seededRandom(seed);
  for (const layer of model.layers) {
    layer.setWeights(
      layer.weights.map(({ shape, originalName }) => {
        const size = tf.util.sizeFromShape(shape as number[]);
        const values = Float32Array.from({ length: size }, () => 2 * random.uniform() - 1);
        return tf.tensor(
          originalName.endsWith('variance') ? values.map((value) => 0.5 + Math.abs(value)) : values,
          shape as number[],
        );
      }),
    );
  }
  return model;
}

function weightsFor(length: number, seed: string): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  // Positive, for the variances among them.
  return Float32Array.from({ length }, () => 0.1 + random.uniform() / 2);
}

function inputsFor(shape: readonly number[], seed: string, vocabulary?: number): tf.Tensor {
  const random = seededRandom(seed);
  const full = [3, ...shape];
  const values = Float32Array.from({ length: tf.util.sizeFromShape(full) }, () =>
    vocabulary === undefined ? 2 * random.uniform() - 1 : random.below(vocabulary),
  );
  return tf.tensor(values, full, vocabulary === undefined ? 'float32' : 'int32');
}

/** A federation with data of the shape that the model takes and puts out. */
function compiled(model: ModelSpec, inputShape: readonly number[], outputs: number, vocabulary?: number) {
  const isClass = /CrossEntropy/.test(model.loss);
  const labels = Array.from(
    { length: model.loss === 'sigmoidCrossEntropy' && outputs === 1 ? 2 : outputs },
    (_, i) => `c${i}`,
  );
  const target: Extract<DataSchema, { kind: 'records' }>['target'] = isClass
    ? { name: 't', type: 'class', labels }
    : { name: 't', type: 'value', mean: 0, scale: 1 };
  const [height, width, channels] = inputShape;
  const data =
    vocabulary !== undefined
      ? { kind: 'tokens' as const, length: height!, vocabulary, target }
      : inputShape.length === 3
        ? { kind: 'image' as const, height: height!, width: width!, channels: channels as 1 | 3, labels }
        : { kind: 'records' as const, features: height!, target };
  const federation = parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 't',
    name: 't',
    data,
    model,
  });
  return compileModel(federation);
}

/** Our outputs, with what the loss makes of them. */
function ours(
  imported: Pick<ImportedModel, 'model' | 'inputShape' | 'layout' | 'weights' | 'output'>,
  inputs: tf.Tensor,
  outputs: number,
  vocabulary?: number,
): Float32Array {
  const model = compiled(imported.model, imported.inputShape, outputs, vocabulary);
  expect(imported.layout).toEqual(model.layout);
  return tf.tidy(() => {
    const logits = model.forward(tensorsOf(model.layout, imported.weights), inputs);
    const result =
      imported.output === 'softmax'
        ? tf.softmax(logits)
        : imported.output === 'sigmoid'
          ? tf.sigmoid(logits)
          : logits;
    return result.dataSync<'float32'>();
  });
}

function expectClose(received: Float32Array, expected: Float32Array): void {
  expect(received.length).toBe(expected.length);
  // A prediction of zero everywhere would agree with anything.
  expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(1e-3);
  const worst = expected.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - received[i]!) / Math.max(1, Math.abs(value))),
    0,
  );
  expect(worst).toBeLessThanOrEqual(TOLERANCE);
}

interface Stock {
  readonly model: () => tf.LayersModel;
  readonly vocabulary?: number;
}
const IMAGE = [8, 7, 3];
const image = (layers: tf.layers.Layer[]): tf.LayersModel => tf.sequential({ layers });
const STOCK: Record<string, Stock> = {
  'dense layers with each activation': {
    model: () =>
      tf.sequential({
        layers: [
          L.dense({ units: 6, inputShape: [5], activation: 'elu' }),
          L.dense({ units: 6, activation: 'gelu' as 'elu' }),
          L.dense({ units: 6, activation: 'swish' }),
          L.dense({ units: 6, activation: 'softplus', useBias: false }),
          L.dense({ units: 6, activation: 'tanh' }),
          L.dense({ units: 6, activation: 'sigmoid' }),
          L.dense({ units: 6, activation: 'relu6' }),
          L.dense({ units: 4, activation: 'relu' }),
          L.dense({ units: 3, activation: 'softmax' }),
        ],
      }),
  },
  'convolutions and pooling': {
    model: () =>
      image([
        L.conv2d({ filters: 4, kernelSize: 3, inputShape: IMAGE, padding: 'same', activation: 'relu' }),
        L.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'tanh' }),
        L.averagePooling2d({ poolSize: 2, strides: 1, padding: 'same' }),
        L.separableConv2d({ filters: 5, kernelSize: 2, depthMultiplier: 2, strides: 2, useBias: false }),
        L.maxPooling2d({ poolSize: 2 }),
        L.flatten(),
        L.dense({ units: 4, activation: 'softmax' }),
      ]),
  },
  'normalization, dropout and activations of their own': {
    model: () =>
      image([
        L.conv2d({ filters: 4, kernelSize: 3, strides: 2, inputShape: IMAGE }),
        L.batchNormalization({ epsilon: 0.01, momentum: 0.9 }),
        L.leakyReLU({ alpha: 0.2 }),
        L.layerNormalization({ epsilon: 1e-4 }),
        L.elu({}),
        L.dropout({ rate: 0.3 }),
        L.globalAveragePooling2d({}),
        L.reLU({ maxValue: 6 }),
        L.reLU(),
        L.dense({ units: 3 }),
        L.softmax(),
      ]),
  },
  'normalization without scale or center': {
    model: () =>
      image([
        L.conv2d({ filters: 4, kernelSize: 3, inputShape: IMAGE }),
        L.batchNormalization({ scale: false }),
        L.layerNormalization({ center: false }),
        L.reshape({ targetShape: [6 * 5 * 4] }),
        L.dense({ units: 3, activation: 'softmax' }),
      ]),
  },
  'an embedding': {
    vocabulary: 9,
    model: () =>
      tf.sequential({
        layers: [
          L.embedding({ inputDim: 9, outputDim: 4, inputLength: 5 }),
          L.dense({ units: 4, activation: 'relu' }),
          L.globalAveragePooling1d({}),
          L.dense({ units: 1, activation: 'sigmoid' }),
        ],
      }),
  },
  'outputs that are each yes or no': {
    model: () =>
      tf.sequential({
        name: 'yes_or_no',
        layers: [
          L.inputLayer({ inputShape: [5], name: 'features' }),
          L.dense({ units: 3, activation: 'tanh', name: 'hidden' }),
          L.dense({ units: 4, name: 'last' }),
          L.activation({ activation: 'sigmoid', name: 'probabilities' }),
        ],
      }),
  },
  'a graph with residual additions, one inside another': {
    model: () => {
      const input = tf.input({ shape: IMAGE });
      const stem = L.conv2d({ filters: 4, kernelSize: 3, padding: 'same' }).apply(input) as tf.SymbolicTensor;
      const inner = L.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' }).apply(stem);
      const deeper = L.conv2d({ filters: 4, kernelSize: 1 }).apply(inner) as tf.SymbolicTensor;
      const nested = L.add().apply([inner as tf.SymbolicTensor, deeper]) as tf.SymbolicTensor;
      const plain = L.add().apply([nested, stem]) as tf.SymbolicTensor;
      const down = L.conv2d({ filters: 6, kernelSize: 3, strides: 2, padding: 'same' }).apply(plain);
      const normed = L.batchNormalization().apply(down) as tf.SymbolicTensor;
      const short = L.conv2d({ filters: 6, kernelSize: 1, strides: 2 }).apply(plain) as tf.SymbolicTensor;
      const sum = L.add().apply([short, normed]);
      const pooled = L.globalAveragePooling2d({}).apply(L.activation({ activation: 'relu' }).apply(sum));
      return tf.model({
        inputs: input,
        outputs: L.dense({ units: 3, activation: 'softmax' }).apply(pooled) as tf.SymbolicTensor,
      });
    },
  },
};

describe('a model that stock tfjs wrote predicts the same', () => {
  test.each(Object.entries(STOCK))('%s', async (name, { model, vocabulary }) => {
    const stock = randomize(model(), name);
    const { json, shards } = await saved(stock);
    const imported = importKeras(json, shards);
    const outputs = stock.outputs[0]!.shape.at(-1)!;
    const inputs = inputsFor(imported.inputShape, `${name} in`, vocabulary);
    const expected = (stock.predict(inputs) as tf.Tensor).dataSync<'float32'>();
    expectClose(ours(imported, inputs, outputs, vocabulary), expected);

    // And back: the same names, the same weights, the same predictions.
    const again = exportKeras(imported);
    const reloaded = await load(again);
    expect(reloaded.predict(inputs) as tf.Tensor).toBeDefined();
    expectClose((reloaded.predict(inputs) as tf.Tensor).dataSync<'float32'>(), expected);
    expect(reloaded.name).toBe(stock.name);
    expect(reloaded.layers.map((layer) => layer.name).sort()).toEqual(
      stock.layers.map((layer) => layer.name).sort(),
    );
    const twice = importKeras(again.modelJson, [again.shard]);
    expect({ ...twice, notes: [] }).toEqual({ ...imported, notes: [] });
  });
});

interface Own {
  readonly layers: Layers;
  readonly inputShape: readonly number[];
  readonly outputs: number;
  readonly loss?: ModelSpec['loss'];
  readonly vocabulary?: number;
}
const OWN: Record<string, Own> = {
  'every layer for images': {
    inputShape: [9, 8, 3],
    outputs: 4,
    layers: [
      { type: 'conv2d', filters: 4, kernelSize: 3, activation: 'leakyRelu', name: 'stem' },
      { type: 'activation', activation: 'leakyRelu' },
      { type: 'depthwiseConv2d', kernelSize: 3, multiplier: 2, activation: 'relu6', padding: 'valid' },
      { type: 'batchNorm' },
      { type: 'separableConv2d', filters: 5, kernelSize: 3, multiplier: 2, strides: 2, useBias: false },
      { type: 'activation', activation: 'gelu' },
      { type: 'maxPool2d', strides: 2 },
      { type: 'layerNorm' },
      { type: 'averagePool2d', poolSize: 1, padding: 'same' },
      { type: 'flatten' },
      { type: 'flatten' },
      { type: 'dropout', rate: 0.25 },
      { type: 'dense', units: 6, activation: 'silu' },
      { type: 'dense', units: 4 },
    ],
  },
  'residual blocks': {
    inputShape: [8, 8, 1],
    outputs: 3,
    layers: [
      { type: 'conv2d', filters: 3, kernelSize: 3 },
      {
        type: 'residual',
        layers: [
          { type: 'conv2d', filters: 3, kernelSize: 3, activation: 'leakyRelu' },
          { type: 'residual', layers: [{ type: 'conv2d', filters: 3, kernelSize: 1 }] },
        ],
      },
      {
        type: 'residual',
        layers: [{ type: 'conv2d', filters: 4, kernelSize: 3, strides: 2 }],
        shortcut: [
          { type: 'averagePool2d', padding: 'same' },
          { type: 'conv2d', filters: 4, kernelSize: 1 },
        ],
      },
      { type: 'globalAveragePool' },
      { type: 'dense', units: 3 },
    ],
  },
  tokens: {
    inputShape: [6],
    outputs: 3,
    vocabulary: 11,
    layers: [
      { type: 'embedding', vocabulary: 11, units: 4 },
      { type: 'dense', units: 4, activation: 'relu' },
      { type: 'layerNorm' },
      { type: 'globalAveragePool' },
      { type: 'dense', units: 3 },
    ],
  },
  'a sigmoid for two labels': {
    inputShape: [4],
    outputs: 1,
    loss: 'sigmoidCrossEntropy',
    layers: [{ type: 'dense', units: 1 }],
  },
  'a value between zero and one': {
    inputShape: [4],
    outputs: 1,
    loss: 'meanSquaredError',
    layers: [{ type: 'dense', units: 1, activation: 'sigmoid' }],
  },
  'a value by Huber loss': {
    inputShape: [4],
    outputs: 1,
    loss: 'huber',
    layers: [{ type: 'dense', units: 1 }],
  },
  'a last layer that has no activation of its own': {
    inputShape: [6, 6, 3],
    outputs: 4,
    layers: [{ type: 'conv2d', filters: 4, kernelSize: 3 }, { type: 'globalAveragePool' }],
  },
};

describe('a model of ours', () => {
  test.each(Object.entries(OWN))('%s: stock tfjs loads it and predicts the same', async (name, own) => {
    const { layers, inputShape, outputs, loss = 'softmaxCrossEntropy', vocabulary } = own;
    const document = parseFederation({
      ...{ format: 'murmuration/federation', formatVersion: 1, id: 't', name: 't' },
      data: { kind: 'records', features: 1 },
      model: { layers, loss, seed: name, huberDelta: 2 },
    });
    const { model } = document;
    const { layout } = compiled(model, inputShape, outputs, vocabulary);
    const weights = weightsFor(layout.length, name);
    const files = exportKeras({ model, inputShape, layout, weights });

    const stock = await load(files);
    const inputs = inputsFor(inputShape, `${name} in`, vocabulary);
    const expected = (stock.predict(inputs) as tf.Tensor).dataSync<'float32'>();
    const imported = importKeras(files.modelJson, [files.shard]);
    expectClose(ours(imported, inputs, outputs, vocabulary), expected);

    // What was exported comes back, bit for bit, through text and through stock tfjs.
    expect(imported.model).toEqual(model);
    expect(imported.layout).toEqual(layout);
    expect(new Uint32Array(imported.weights.buffer)).toEqual(new Uint32Array(weights.buffer));
    const throughText = JSON.parse(JSON.stringify(files.modelJson)) as JsonObject;
    expect(importKeras(throughText, [files.shard])).toEqual(imported);
    const { json, shards } = await saved(stock);
    const throughStock = importKeras(json, shards);
    expect(throughStock.model).toEqual(model);
    expect(throughStock.weights).toEqual(weights);
  });

  test('a one-layer model, spelled out', () => {
    const { model } = parseFederation({
      ...{ format: 'murmuration/federation', formatVersion: 1, id: 't', name: 't' },
      data: { kind: 'records', features: 2, target: { name: 'y', type: 'class', labels: ['a', 'b', 'c'] } },
      model: { layers: [{ type: 'dense', units: 3, name: 'last' }], loss: 'softmaxCrossEntropy' },
    });
    const { layout } = compiled(model, [2], 3);
    const weights = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9);
    const { modelJson, shard } = exportKeras({ model, inputShape: [2], layout, weights });
    expect(shard).toEqual({ name: 'model.weights.bin', bytes: new Uint8Array(weights.buffer) });
    expect(modelJson).toMatchObject({
      format: 'layers-model',
      modelTopology: {
        class_name: 'Sequential',
        config: {
          layers: [
            {
              class_name: 'Dense',
              config: {
                name: 'last',
                units: 3,
                activation: 'softmax',
                use_bias: true,
                batch_input_shape: [null, 2],
              },
            },
          ],
        },
      },
      weightsManifest: [
        {
          paths: ['model.weights.bin'],
          weights: [
            { name: 'last/kernel', shape: [2, 3], dtype: 'float32' },
            { name: 'last/bias', shape: [3], dtype: 'float32' },
          ],
        },
      ],
    });
  });

  test.each([
    [{ type: 'groupNorm', groups: 2 }, '0.groupNorm'],
    [{ type: 'positionalEncoding' }, '0.positionalEncoding'],
    [{ type: 'attention', heads: 2 }, '0.attention'],
    [{ type: 'shared', of: 'x' }, '0.shared'],
    [{ type: 'unembedding', of: 'x' }, '0.unembedding'],
    [{ type: 'residual', layers: [{ type: 'groupNorm', groups: 2 }] }, '0.residual/0.groupNorm'],
  ] as [Layers[number], string][])('%j has no counterpart, and says so', (layer, path) => {
    const { model } = parseFederation({
      ...{ format: 'murmuration/federation', formatVersion: 1, id: 't', name: 't' },
      data: { kind: 'records', features: 1 },
      model: { layers: [layer, { type: 'dense', units: 1 }], loss: 'meanSquaredError' },
    });
    const { layout } = compiled({ ...model, layers: [model.layers[1]!] }, [4], 1);
    expect(() => exportKeras({ model, inputShape: [4, 4], layout, weights: new Float32Array(5) })).toThrow(
      expect.objectContaining({
        code: 'model.unsupported',
        message: expect.stringContaining('Save the model as safetensors'),
        facts: expect.objectContaining({ path }),
      }),
    );
  });

  test('weights that do not fit, or are not finite, are not written', () => {
    const { model } = parseFederation({
      ...{ format: 'murmuration/federation', formatVersion: 1, id: 't', name: 't' },
      data: { kind: 'records', features: 1 },
      model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
    });
    const { layout } = compiled(model, [4], 1);
    const attempt = (inputShape: number[], weights: Float32Array) => () =>
      exportKeras({ model, inputShape, layout, weights });
    expect(attempt([4], new Float32Array(4))).toThrow(
      expect.objectContaining({ code: 'model.layout-mismatch' }),
    );
    expect(attempt([5], new Float32Array(5))).toThrow(
      expect.objectContaining({ code: 'model.layout-mismatch' }),
    );
    expect(attempt([4], Float32Array.of(0, 0, NaN, 0, 0))).toThrow(
      expect.objectContaining({
        code: 'model.invalid',
        facts: expect.objectContaining({ path: '0.dense/kernel[2]' }),
      }),
    );
  });
});
