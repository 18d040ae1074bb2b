import { describe, expect, test } from 'vitest';
import { type FederationInput, parseFederation } from '../../federation/index.ts';
import { type Layout, layoutOf } from '../../update/index.ts';
import type { NamedBytes } from './keras-weights.ts';
import { openModelFile, saveKeras, saveSafetensors } from './model-file.ts';
import { writeSafetensors } from './safetensors.ts';
import { tensorsIn } from './tensor.ts';

function modelOf(
  layers: FederationInput['model']['layers'],
  loss: FederationInput['model']['loss'] = 'softmaxCrossEntropy',
) {
  return parseFederation({
    ...{ format: 'murmuration/federation', formatVersion: 1, id: 't', name: 't' },
    data: { kind: 'records', features: 2, target: { name: 'y', type: 'class', labels: ['a', 'b'] } },
    model: { layers, loss },
  }).model;
}

const inputShape = [2];
const model = modelOf([
  { type: 'dense', units: 3, activation: 'relu' },
  { type: 'dense', units: 2 },
]);
const layout = layoutOf([
  { name: '0.dense/kernel', shape: [2, 3] },
  { name: '0.dense/bias', shape: [3] },
  { name: '1.dense/kernel', shape: [3, 2] },
  { name: '1.dense/bias', shape: [2] },
]);
const weights = Float32Array.from({ length: 17 }, (_, i) => (i - 8) / 3);
const wanted = { model, layout };
const safetensors = (values = weights): NamedBytes => ({
  name: 'a.txt',
  bytes: saveSafetensors(wanted, values),
});
const keras = () => saveKeras({ model, inputShape, layout, weights });
const json = (value: unknown): NamedBytes => ({
  name: 'x',
  bytes: new TextEncoder().encode(JSON.stringify(value)),
});
const everything = (changes: object = {}) =>
  json({
    format: 'murmuration/model',
    federation: { model },
    parameters: tensorsIn(layout, weights).map(({ name, shape, data }) => ({
      name,
      shape,
      values: [...data],
    })),
    ...changes,
  });

describe('a saved model opens again, bit for bit, whatever its files are called', () => {
  test.each([
    ['safetensors', () => [safetensors()]],
    ['keras', keras],
    ['keras, the other way round', () => [...keras()].reverse()],
    ['keras, renamed', () => keras().map(({ bytes }, i) => ({ name: `download (${i})`, bytes }))],
    ['json', () => [everything()]],
  ])('%s', (format, files) => {
    const opened = openModelFile(files(), wanted);
    expect(opened.format).toBe(format.split(',')[0]);
    expect(new Uint32Array(opened.weights.buffer)).toEqual(new Uint32Array(weights.buffer));
    expect(opened.notes).toEqual([]);
  });
});

test('a safetensors file of somebody else needs only the names and shapes', () => {
  const tensors = tensorsIn(layout, weights).reverse();
  expect(openModelFile([{ name: 'x', bytes: writeSafetensors(tensors) }], wanted).weights).toEqual(weights);
});

test('a Keras model that ends in logits fits too', () => {
  const asValue = saveKeras({ model: { ...model, loss: 'meanSquaredError' }, inputShape, layout, weights });
  expect(openModelFile(asValue, wanted).weights).toEqual(weights);
});

describe('a model of another federation is refused, and what differs is listed', () => {
  const differences = (files: readonly NamedBytes[], other: { model?: typeof model; layout?: Layout }) => {
    try {
      openModelFile(files, { ...wanted, ...other });
    } catch (error) {
      const { code, facts } = error as { code: string; facts: { received: string } };
      expect(code).toBe('model.layout-mismatch');
      return facts.received;
    }
    throw new Error('It was not refused.');
  };

  test('names and shapes', () => {
    const other = layoutOf([
      { name: '0.dense/kernel', shape: [2, 3] },
      { name: '0.dense/bias', shape: [4] },
      { name: '2.dense/kernel', shape: [3, 2] },
      { name: '1.dense/bias', shape: [2] },
    ]);
    const plain = { name: 'x', bytes: writeSafetensors(tensorsIn(layout, weights)) };
    expect(differences([plain], { layout: other })).toBe(
      '"0.dense/bias" is [3], not [4]; "2.dense/kernel" is missing; "1.dense/kernel" is not part of the model',
    );
  });

  test('a long list is cut short', () => {
    const many = layoutOf(Array.from({ length: 9 }, (_, i) => ({ name: `p${i}`, shape: [1] })));
    const plain = { name: 'x', bytes: writeSafetensors([]) };
    expect(differences([plain], { layout: many })).toBe(
      '"p0" is missing; "p1" is missing; "p2" is missing; "p3" is missing; "p4" is missing; and 4 more',
    );
  });

  test('the same parameters, used otherwise', () => {
    const tanh = modelOf([
      { type: 'dense', units: 3, activation: 'tanh' },
      { type: 'dense', units: 2 },
    ]);
    const said = 'model.layers[0].activation is relu, not tanh';
    for (const files of [[safetensors()], keras(), [everything()]])
      expect(differences(files, { model: tanh })).toBe(said);
    const sigmoid = { ...model, loss: 'sigmoidCrossEntropy' as const };
    for (const files of [[safetensors()], keras(), [everything()]])
      expect(differences(files, { model: sigmoid })).toBe(
        'model.loss is softmaxCrossEntropy, not sigmoidCrossEntropy',
      );
  });

  test('more layers, or others in their place', () => {
    const deeper = modelOf([{ type: 'flatten' }, { type: 'dense', units: 3 }, { type: 'dense', units: 2 }]);
    expect(differences([safetensors()], { model: deeper })).toBe('model.layers has 2 layers, not 3');
    const other = modelOf([{ type: 'flatten' }, { type: 'dense', units: 2 }]);
    expect(differences([safetensors()], { model: other })).toBe('model.layers[0] is dense, not flatten');
  });

  test('what matters only in training, and names, may differ', () => {
    const withDropout = (rate: number, name: string) =>
      modelOf([
        { type: 'dense', units: 3, activation: 'relu', name },
        { type: 'dropout', rate },
        { type: 'dense', units: 2 },
      ]);
    const deeper = layoutOf(
      layout.parameters.map(({ name, shape }) => ({ name: name.replace(/^1/, '2'), shape })),
    );
    const bytes = saveSafetensors({ model: withDropout(0.5, 'a'), layout: deeper }, weights);
    const opened = openModelFile([{ name: 'x', bytes }], { model: withDropout(0.1, 'b'), layout: deeper });
    expect(opened.weights).toEqual(weights);
  });
});

describe('what is no model is refused by name', () => {
  const bytes = (...values: number[]): NamedBytes => ({ name: 'x', bytes: Uint8Array.from(values) });
  const [modelJson, shard] = keras();
  test.each([
    ['no file', [], 'model.corrupt', 'No file'],
    ['an empty file', [bytes()], 'model.corrupt', 'received neither'],
    ['weights alone', [shard], 'model.corrupt', 'received neither'],
    ['model.json alone', [modelJson], 'model.corrupt', 'model.weights.bin'],
    ['two models', [modelJson, modelJson], 'model.corrupt', '2 JSON files'],
    ['safetensors and more', [safetensors(), shard], 'model.corrupt', 'comes alone'],
    ['other JSON', [json({ hello: 1 })], 'model.unsupported', 'not a model'],
    [
      'JSON cut off',
      [{ name: 'x', bytes: modelJson.bytes.slice(0, 200) }, shard],
      'model.corrupt',
      'not JSON',
    ],
    ['HDF5', [bytes(0x89, 0x48, 0x44, 0x46, 0x0d)], 'model.unsupported', 'tensorflowjs_converter'],
    ['a zip', [bytes(0x50, 0x4b, 0x03, 0x04)], 'model.unsupported', '.keras or PyTorch'],
    [
      'JSON whose weights are text',
      [everything({ parameters: [{ name: 'a', shape: [1], values: ['1'] }] })],
      'model.corrupt',
      'no number',
    ],
    [
      'JSON with too few weights',
      [everything({ parameters: [{ name: 'a', shape: [2], values: [1] }] })],
      'model.corrupt',
      'wrong number',
    ],
    [
      'JSON of a broken federation',
      [everything({ federation: { model: {} } })],
      'model.unsupported',
      'model.layers',
    ],
    [
      'JSON with an infinite weight',
      [
        json({
          format: 'murmuration/model',
          federation: { model },
          parameters: tensorsIn(layout, weights).map(({ name, shape, data }) => ({
            name,
            shape,
            values: [1e39, ...data.slice(1)],
          })),
        }),
      ],
      'model.invalid',
      '0.dense/kernel[0]',
    ],
  ] as [string, NamedBytes[], string, string][])('%s', (_, files, code, said) => {
    expect(() => openModelFile(files, wanted)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(said) }),
    );
  });

  test('a diverged model is neither saved nor opened', () => {
    expect(() => safetensors(weights.with(3, NaN))).toThrow(
      expect.objectContaining({ code: 'model.invalid' }),
    );
  });
});

test('a model that Keras has no layers for is kept by safetensors', () => {
  const grouped = modelOf([
    { type: 'groupNorm', groups: 1 },
    { type: 'dense', units: 2 },
  ]);
  const own = layoutOf([
    { name: '0.groupNorm/gamma', shape: [2] },
    { name: '0.groupNorm/beta', shape: [2] },
    { name: '1.dense/kernel', shape: [2, 2] },
    { name: '1.dense/bias', shape: [2] },
  ]);
  const values = weights.slice(0, 10);
  const bytes = saveSafetensors({ model: grouped, layout: own }, values, { version: '3' });
  expect(openModelFile([{ name: 'x', bytes }], { model: grouped, layout: own }).weights).toEqual(values);
});
