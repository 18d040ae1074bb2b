import { io, type Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../testing.ts';
import type { JsonObject } from './json.ts';
import { importKeras } from './keras-import.ts';
import type { NamedBytes } from './keras-weights.ts';

beforeAll(() => useBackend('cpu'));

type Config = Record<string, unknown>;
interface Entry {
  readonly class_name: string;
  readonly config: Config;
}

const layer = (className: string, config: Config): Entry => ({ class_name: className, config });
const dense = (config: Config = {}) => layer('Dense', { name: 'd', units: 1, ...config });
const DENSE_WEIGHTS = [
  { name: 'd/kernel', shape: [2, 1], dtype: 'float32' },
  { name: 'd/bias', shape: [1], dtype: 'float32' },
];
const DENSE_BYTES = new Uint8Array(Float32Array.of(1, 2, 3).buffer);

function sequential(layers: readonly Entry[], inputShape: readonly unknown[]): JsonObject {
  const [first, ...others] = layers as [Entry, ...Entry[]];
  const config = { ...first.config, batch_input_shape: [null, ...inputShape] };
  return { class_name: 'Sequential', config: { name: 'm', layers: [{ ...first, config }, ...others] } };
}

function file(topology: unknown, weights: readonly Config[] = DENSE_WEIGHTS, more: Config = {}): JsonObject {
  return { modelTopology: topology, weightsManifest: [{ paths: ['w.bin'], weights }], ...more } as JsonObject;
}

const shard = (bytes: Uint8Array<ArrayBuffer> = DENSE_BYTES, name = 'w.bin'): NamedBytes => ({ name, bytes });
const SIMPLE = sequential([dense()], [2]);

/** A functional model of layers [name, class, inputs, config]. */
function graph(
  layers: readonly (readonly [string, string, readonly string[], Config?])[],
  output = layers.at(-1)![0],
): JsonObject {
  return {
    class_name: 'Functional',
    config: {
      name: 'g',
      layers: layers.map(([name, className, inputs, config = {}]) => ({
        name,
        class_name: className,
        config: { name, ...(className === 'InputLayer' ? { batch_input_shape: [null, 2] } : {}), ...config },
        inbound_nodes: inputs.length === 0 ? [] : [inputs.map((input) => [input, 0, 0, {}])],
      })),
      input_layers: [['in', 0, 0]],
      output_layers: [[output, 0, 0]],
    },
  };
}

function failure(act: () => unknown): { code: string; path: string | undefined } {
  try {
    act();
  } catch (error) {
    const { code, facts } = error as { code: string; facts: { path?: string } };
    return { code, path: facts.path };
  }
  throw new Error('Nothing was refused.');
}

describe('what a converter of Keras writes', () => {
  test('the topology in model_config, weights of the optimizer left out', () => {
    const weights = [...DENSE_WEIGHTS, { name: 'Adam/iter', shape: [], dtype: 'int32', group: 'optimizer' }];
    const json = file(
      { model_config: SIMPLE, training_config: { loss: { class_name: 'Huber', config: {} } } },
      weights,
    );
    const { model, weights: read } = importKeras(json, [shard(Uint8Array.of(...DENSE_BYTES, 9, 9, 9, 9))]);
    expect([...read]).toEqual([1, 2, 3]);
    expect(model.loss).toBe('huber');
  });

  test('layers as the configuration itself, one flat input, the input shape of Keras 3', () => {
    const config = { name: 'd', units: 1, batch_shape: [null, 2] };
    expect(
      importKeras(file({ class_name: 'Sequential', config: [layer('Dense', config)] }), [shard()]).inputShape,
    ).toEqual([2]);
    const topology = graph([
      ['in', 'InputLayer', []],
      ['d', 'Dense', ['in'], { units: 1 }],
    ]) as {
      config: Config;
    };
    topology.config.input_layers = ['in', 0, 0];
    expect(importKeras(file(topology), [shard()]).model.layers).toMatchObject([{ type: 'dense', units: 1 }]);
  });

  test.each([
    ['meanSquaredError', 'sigmoid', 'linear', 'meanSquaredError'],
    ['binary_crossentropy', 'sigmoid', 'sigmoid', 'sigmoidCrossEntropy'],
    [undefined, 'sigmoid', 'sigmoid', 'sigmoidCrossEntropy'],
    ['sparse_categorical_crossentropy', 'linear', 'linear', 'softmaxCrossEntropy'],
    ['mse', 'linear', 'linear', 'meanSquaredError'],
    [undefined, 'linear', 'linear', 'meanSquaredError'],
  ])('compiled for %s, ending in %s', (loss, activation, output, expected) => {
    const json = file(sequential([dense({ activation })], [2]), DENSE_WEIGHTS, { trainingConfig: { loss } });
    const imported = importKeras(json, [shard()]);
    expect([imported.output, imported.model.loss]).toEqual([output, expected]);
    const kept = output === 'linear' ? activation : 'linear';
    expect(imported.model.layers).toMatchObject([{ type: 'dense', activation: kept }]);
  });

  test('what training had, and predictions do not have, is said', () => {
    const json = file(
      sequential([dense({ kernel_regularizer: { class_name: 'L2' }, trainable: false })], [2]),
    );
    expect(importKeras(json, [shard()]).notes).toEqual([
      'layer "d" (Dense), kernel_regularizer is left out: training here has none.',
      'layer "d" (Dense) was frozen; here it trains like all others.',
    ]);
  });
});

describe('weights', () => {
  test('in several groups, cut into files at any byte', () => {
    const json = {
      ...file(SIMPLE),
      weightsManifest: [
        { paths: ['a/one.bin', './two.bin'], weights: [DENSE_WEIGHTS[0]] },
        { paths: ['three.bin'], weights: [DENSE_WEIGHTS[1]] },
      ],
    } as JsonObject;
    const parts = [
      shard(DENSE_BYTES.slice(3, 8), 'two.bin'),
      shard(DENSE_BYTES.slice(8), 'three.bin'),
      shard(DENSE_BYTES.slice(0, 3), 'one.bin'),
    ];
    expect([...importKeras(json, parts).weights]).toEqual([1, 2, 3]);
    expect(() => importKeras(json, parts.slice(1))).toThrow(
      'A weight file of the Keras model is not at hand. Expected two.bin, received no such file.',
    );
    expect(() => importKeras(json, [...parts, parts[0]!])).toThrow('two such files');
    const repeated = { ...file(SIMPLE), weightsManifest: [{ paths: ['w', 'w'], weights: DENSE_WEIGHTS }] };
    expect(() => importKeras(repeated as JsonObject, [shard(DENSE_BYTES.slice(0, 6), 'w')])).toThrow(
      'w once more',
    );
  });

  test('a single file is found whatever its name', () => {
    expect([...importKeras(file(SIMPLE), [shard(DENSE_BYTES, 'w (1).bin')]).weights]).toEqual([1, 2, 3]);
  });

  test.each(['uint8', 'uint16', 'float16'] as const)(
    'quantized to %s as stock tfjs reads them',
    async (dtype) => {
      const quantization = dtype === 'float16' ? { dtype } : { dtype, scale: 0.1234567, min: -3.21 };
      const words = dtype === 'uint8' ? Uint8Array.of(0, 7, 255) : Uint16Array.of(0x0001, 0x3c01, 0xfbff);
      const bytes = new Uint8Array(words.buffer);
      const weights = [
        { name: 'd/kernel', shape: [3, 1], dtype: 'float32', quantization },
        { name: 'd/bias', shape: [0], dtype: 'float32', quantization },
      ];
      const stock = io.decodeWeights(bytes.buffer, weights.slice(0, 1) as io.WeightsManifestEntry[]);
      const expected = await (stock['d/kernel'] as Tensor).data();
      const topology = sequential([dense({ use_bias: false })], [3]);
      expect([...importKeras(file(topology, weights.slice(0, 1)), [shard(bytes)]).weights]).toEqual([
        ...expected,
      ]);
    },
  );

  test.each([
    ['too few bytes', DENSE_WEIGHTS, DENSE_BYTES.slice(0, 11), 'model.corrupt'],
    ['too many bytes', DENSE_WEIGHTS, Uint8Array.of(...DENSE_BYTES, 0), 'model.corrupt'],
    ['a name twice', [DENSE_WEIGHTS[0]!, { ...DENSE_WEIGHTS[0]!, shape: [1] }], DENSE_BYTES, 'model.corrupt'],
    ['a weight missing', [{ ...DENSE_WEIGHTS[0]!, shape: [3, 1] }], DENSE_BYTES, 'model.corrupt'],
    [
      'a weight of another shape',
      [{ ...DENSE_WEIGHTS[0]!, shape: [1, 2] }, DENSE_WEIGHTS[1]!],
      DENSE_BYTES,
      'model.corrupt',
    ],
    [
      'a weight too many',
      [...DENSE_WEIGHTS, { name: 'x/y', shape: [0], dtype: 'float32' }],
      DENSE_BYTES,
      'model.unsupported',
    ],
    [
      'integers',
      [{ ...DENSE_WEIGHTS[0]!, dtype: 'int32' }, DENSE_WEIGHTS[1]!],
      DENSE_BYTES,
      'model.unsupported',
    ],
    [
      'another quantization',
      [{ ...DENSE_WEIGHTS[0]!, quantization: { dtype: 'int4' } }],
      DENSE_BYTES,
      'model.unsupported',
    ],
    [
      'a quantization without a scale',
      [{ ...DENSE_WEIGHTS[0]!, quantization: { dtype: 'uint8', min: 0 } }],
      DENSE_BYTES,
      'model.corrupt',
    ],
    [
      'a shape that overflows',
      [{ ...DENSE_WEIGHTS[0]!, shape: [2 ** 40, 2 ** 40] }],
      DENSE_BYTES,
      'model.corrupt',
    ],
    ['a NaN', DENSE_WEIGHTS, new Uint8Array(Float32Array.of(1, NaN, 3).buffer), 'model.invalid'],
  ] as [string, Config[], Uint8Array<ArrayBuffer>, string][])('%s: refused', (_, weights, bytes, code) => {
    expect(failure(() => importKeras(file(SIMPLE, weights), [shard(bytes)])).code).toBe(code);
  });
});

describe('what models here do not have is refused by layer and setting', () => {
  const conv = (config: Config) => layer('Conv2D', { name: 'c', filters: 1, kernel_size: 3, ...config });
  test.each([
    [layer('LSTM', { name: 'l', units: 2 }), 'layer "l" (LSTM)'],
    [layer('Sequential', { name: 's', layers: [] }), 'layer "s" (Sequential)'],
    [conv({ dilation_rate: [2, 2] }), 'layer "c" (Conv2D), dilation_rate'],
    [conv({ data_format: 'channels_first' }), 'layer "c" (Conv2D), data_format'],
    [conv({ groups: 2 }), 'layer "c" (Conv2D), groups'],
    [conv({ kernel_size: [3, 1] }), 'layer "c" (Conv2D), kernel_size'],
    [conv({ strides: [1, 2] }), 'layer "c" (Conv2D), strides'],
    [conv({ padding: 'causal' }), 'layer "c" (Conv2D), padding'],
    [conv({ activation: 'selu' }), 'layer "c" (Conv2D), activation'],
    [conv({ activation: 'softmax' }), 'layer "c" (Conv2D), activation'],
    [layer('ReLU', { name: 'r', max_value: 5 }), 'layer "r" (ReLU), max_value'],
    [layer('ReLU', { name: 'r', threshold: 1 }), 'layer "r" (ReLU), threshold'],
    [layer('LeakyReLU', { name: 'r' }), 'layer "r" (LeakyReLU), alpha'],
    [layer('ELU', { name: 'e', alpha: 0.5 }), 'layer "e" (ELU), alpha'],
    [layer('LayerNormalization', { name: 'n', axis: [1] }), 'layer "n" (LayerNormalization), axis'],
    [layer('LayerNormalization', { name: 'n', axis: [2, 3] }), 'layer "n" (LayerNormalization), axis'],
    [layer('BatchNormalization', { name: 'n', axis: 1 }), 'layer "n" (BatchNormalization), axis'],
    [layer('Reshape', { name: 'r', target_shape: [4, 12] }), 'layer "r" (Reshape), target_shape'],
    [layer('Dropout', { name: 'o', rate: 0.5, noise_shape: [1] }), 'layer "o" (Dropout), noise_shape'],
    [
      layer('Embedding', { name: 'e', input_dim: 2, output_dim: 2, mask_zero: true }),
      'layer "e" (Embedding), mask_zero',
    ],
    [layer('InputLayer', { name: 'i' }), 'layer "i" (InputLayer)'],
  ])('%j', (entry, path) => {
    const topology = sequential(
      [layer('Activation', { name: 'a', activation: 'relu' }), entry, dense()],
      [4, 4, 3],
    );
    expect(failure(() => importKeras(file(topology), [shard()]))).toEqual({
      code: 'model.unsupported',
      path,
    });
  });

  test('inputs of no fixed size', () => {
    expect(failure(() => importKeras(file(sequential([dense()], [null])), [shard()]))).toEqual({
      code: 'model.unsupported',
      path: 'layer "d" (Dense), batch_input_shape',
    });
  });

  test('a model larger than a federation may name', () => {
    const topology = sequential([dense({ units: 70_000, use_bias: false })], [1]);
    const json = file(topology, [{ name: 'd/kernel', shape: [1, 70_000], dtype: 'float32' }]);
    expect(failure(() => importKeras(json, [shard(new Uint8Array(280_000))]))).toEqual({
      code: 'model.unsupported',
      path: 'model.layers[0].units',
    });
  });

  const input = ['in', 'InputLayer', []] as const;
  const relu = (name: string, ...inputs: string[]) => [name, 'ReLU', inputs] as const;
  test.each([
    ['two inputs', graph([input, ['in2', 'InputLayer', []], ['s', 'Add', ['in', 'in2']]]), 'layer "s" (Add)'],
    [
      'an addition of three',
      graph([input, relu('a', 'in'), ['s', 'Add', ['in', 'a', 'a']]]),
      'layer "s" (Add)',
    ],
    ['an addition of one thing to itself', graph([input, ['s', 'Add', ['in', 'in']]]), 'layer "s" (Add)'],
    [
      'a concatenation',
      graph([input, relu('a', 'in'), ['s', 'Concatenate', ['in', 'a']]]),
      'layer "s" (Concatenate)',
    ],
    ['a layer that leads nowhere', graph([input, relu('a', 'in'), relu('b', 'in')], 'a'), 'layer "b" (ReLU)'],
    [
      'a side that leaves a block from its middle',
      graph([input, relu('a', 'in'), relu('b', 'a'), ['s', 'Add', ['in', 'b']], ['t', 'Add', ['a', 's']]]),
      'layer "a" (ReLU)',
    ],
  ])('%s', (_, topology, path) => {
    expect(failure(() => importKeras(file(topology, []), [shard(new Uint8Array(0))]))).toEqual({
      code: 'model.unsupported',
      path,
    });
  });

  test('layers that are used twice, and the graphs of Keras 3', () => {
    for (const nodes of [[[['in', 0, 0, {}]], [['in', 0, 0, {}]]], [[['in', 1, 0, {}]]], [{ args: [] }]]) {
      const topology = graph([input, relu('a', 'in')]) as {
        config: { layers: { inbound_nodes: unknown }[] };
      };
      topology.config.layers[1]!.inbound_nodes = nodes;
      expect(failure(() => importKeras(file(topology, []), [shard(new Uint8Array(0))]))).toEqual({
        code: 'model.unsupported',
        path: 'layer "a" (ReLU), inbound_nodes',
      });
    }
  });
});

describe('damaged topologies end in a named error', () => {
  const relu = (name: string, ...inputs: string[]) => [name, 'ReLU', inputs] as const;
  test.each([
    ['nothing', undefined],
    ['a list', []],
    ['no class', { config: {} }],
    ['no layers', { class_name: 'Sequential', config: {} }],
    ['a layer that is text', { class_name: 'Sequential', config: { layers: ['x'] } }],
    ['a layer without a name', { class_name: 'Sequential', config: { layers: [layer('Dense', {})] } }],
    ['units of text', sequential([dense({ units: 'many' })], [2])],
    ['no units', sequential([layer('Dense', { name: 'd' })], [2])],
    ['use_bias of text', sequential([dense({ use_bias: 'yes' })], [2])],
    [
      'a kernel of no size',
      sequential([layer('Conv2D', { name: 'c', filters: 1, kernel_size: [0, 0] })], [4, 4, 1]),
    ],
    ['a name twice', graph([['in', 'InputLayer', []], relu('a', 'in'), relu('a', 'in')])],
    ['an input that is not there', graph([['in', 'InputLayer', []], relu('a', 'b')])],
    ['a circle', graph([['in', 'InputLayer', []], relu('a', 'b'), relu('b', 'a')])],
    [
      'a circle through an addition',
      graph([['in', 'InputLayer', []], ['s', 'Add', ['t', 'in']], relu('t', 's')]),
    ],
    ['an input with an input', graph([['in', 'InputLayer', ['a']], relu('a', 'in')])],
    ['an input that is none', graph([relu('in'), relu('a', 'in')])],
  ])('%s', (_, topology) => {
    expect(failure(() => importKeras(file(topology, []), [shard(new Uint8Array(0))])).code).toBe(
      'model.corrupt',
    );
  });

  test('sixty additions, one after the other, are read', () => {
    const layers: (readonly [string, string, readonly string[]])[] = [['in', 'InputLayer', []]];
    for (let i = 0; i < 60; i++)
      layers.push(relu(`r${i}`, i === 0 ? 'in' : `s${i - 1}`), [
        `s${i}`,
        'Add',
        [`r${i}`, i === 0 ? 'in' : `s${i - 1}`],
      ]);
    layers.push(['d', 'Dense', ['s59']]);
    const topology = graph(layers) as { config: { layers: { config: Config }[] } };
    topology.config.layers.at(-1)!.config.units = 1;
    const { model } = importKeras(file(topology), [shard()]);
    expect(model.layers).toHaveLength(61);
    expect(model.layers[7]).toEqual({
      type: 'residual',
      layers: [{ type: 'activation', activation: 'relu' }],
      shortcut: [],
    });
  });

  test('what stands beside the topology does not overrule it', () => {
    const kept = { layers: [{ type: 'dense', units: 1, activation: 'tanh' }], loss: 'meanSquaredError' };
    const json = file(SIMPLE, DENSE_WEIGHTS, { userDefinedMetadata: { murmuration: { model: kept } } });
    expect(importKeras(json, [shard()]).model.layers).toMatchObject([{ activation: 'linear' }]);
    const broken = file(SIMPLE, DENSE_WEIGHTS, { userDefinedMetadata: { murmuration: { model: 5 } } });
    expect(importKeras(broken, [shard()]).model.layers).toMatchObject([{ activation: 'linear' }]);
  });
});

describe('any part of the file replaced: a model, or an error of ours', () => {
  const normal = (name: string, inputs: string[]) =>
    [name, 'LayerNormalization', inputs, { axis: -1, scale: false, center: false }] as const;
  const residual = graph([
    ['in', 'InputLayer', []],
    normal('n', ['in']),
    ['s', 'Add', ['in', 'n']],
    ['d', 'Dense', ['s'], { units: 1, activation: 'sigmoid', use_bias: true }],
  ]);
  const quantized = DENSE_WEIGHTS.map((weight) => ({
    ...weight,
    quantization: { dtype: 'uint8', scale: 0.5, min: -1 },
  }));
  const convolution = sequential(
    [
      layer('Conv2D', { name: 'd', filters: 1, kernel_size: [1, 1], strides: [1, 1], padding: 'same' }),
      layer('MaxPooling2D', { name: 'p', pool_size: [2, 2], strides: null }),
      layer('Flatten', { name: 'f' }),
    ],
    [2, 2, 2],
  );
  const kernel = [{ ...DENSE_WEIGHTS[0]!, shape: [1, 1, 2, 1] }, DENSE_WEIGHTS[1]!];
  const more = { trainingConfig: { loss: 'mse' }, userDefinedMetadata: { murmuration: { model: {} } } };
  const FILES: [string, JsonObject, Uint8Array<ArrayBuffer>][] = [
    ['a residual block', file(residual, DENSE_WEIGHTS, more), DENSE_BYTES],
    ['quantized weights', file(SIMPLE, quantized), Uint8Array.of(1, 2, 3)],
    ['a convolution', file(convolution, kernel), DENSE_BYTES],
  ];
  const JUNK = [null, true, -1, 0, 1.5, 3, 2 ** 31, 1e20, '', 'in', '__proto__', [], [[]], [1, 2, 3, 4], {}];

  /** The value with each of its parts replaced, or left out, one at a time. */
  function* damaged(value: unknown): Generator<unknown> {
    yield* JUNK;
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      const part = (value as Config)[key];
      for (const other of damaged(part)) {
        if (Array.isArray(value)) yield value.with(Number(key), other);
        else yield { ...value, [key]: other };
      }
      yield Array.isArray(value)
        ? value.toSpliced(Number(key), 1)
        : Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
    }
  }

  test.each(FILES)('%s', (_, json, bytes) => {
    expect(importKeras(json, [shard(bytes)]).layout.length).toBeGreaterThan(2);
    let refused = 0;
    for (const key of Object.keys(json)) {
      for (const part of damaged(json[key])) {
        try {
          importKeras({ ...json, [key]: part }, [shard(bytes)]);
        } catch (error) {
          refused++;
          expect(error).toMatchObject({
            code: expect.stringMatching(/^model\.(corrupt|unsupported|invalid)$/),
          });
        }
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});
