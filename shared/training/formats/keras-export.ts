import { check, MurmurationError } from '../../errors/index.ts';
import type { LayerSpec, ModelSpec } from '../../federation/index.ts';
import { type Layout, layoutOf, type ParameterShape } from '../../update/index.ts';
import type { JsonObject } from './json.ts';
import { type KerasLayer, type OutputActivation, toKeras } from './keras-layers.ts';
import { type LayerWeight, outputShape, type PlainLayer, weightsOfLayer } from './keras-shapes.ts';
import { type NamedBytes, writeManifest } from './keras-weights.ts';
import { checkInputShape } from './model-spec.ts';
import { checkFinite, type NamedTensor, sameShape, tensorsIn } from './tensor.ts';

/**
 * Keras names of layers by their place here: `0.conv2d`, `3.residual/0.conv2d`, `3.residual` for the Add layer.
 * Besides: `model`, `input`, and `output` for a layer of its own that ends in softmax or sigmoid.
 */
export type KerasNames = ReadonlyMap<string, string>;

export interface KerasExport {
  readonly model: ModelSpec;
  /** Of one example, without the batch axis. */
  readonly inputShape: readonly number[];
  readonly layout: Layout;
  readonly weights: Float32Array;
  /** As an import gave them, so that the model goes back under the names it came with. */
  readonly names?: KerasNames;
  /** Of the weight file, which model.json names. */
  readonly weightsName?: string;
  /** Anything else worth keeping with the file. */
  readonly metadata?: JsonObject;
}

/** The files of a tfjs LayersModel: `modelJson` is the text of model.json, which names the shard. */
export interface KerasFiles {
  readonly modelJson: JsonObject;
  readonly shard: NamedBytes;
}

/** Under this key of `userDefinedMetadata` lies what Keras has no place for. */
export const METADATA_KEY = 'murmuration';
const WEIGHTS_FILE = 'model.weights.bin';
/** Ends the name of a leaky ReLU that is an activation here and a layer there. */
export const ACTIVATION_SUFFIX = '_activation';
export const GENERATED_BY = 'Murmuration';

const OUTPUTS: Readonly<Record<ModelSpec['loss'], OutputActivation>> = {
  softmaxCrossEntropy: 'softmax',
  sigmoidCrossEntropy: 'sigmoid',
  meanSquaredError: 'linear',
  huber: 'linear',
};

/**
 * Writes a model as tfjs-layers does: Keras 2 JSON, Sequential or, with residual blocks, functional, and one file
 * of weights. What the loss does to the outputs becomes the last activation, so that the file predicts the same.
 * @throws `model.unsupported` naming a layer that Keras does not have; `model.layout-mismatch`; `model.invalid`
 * when a weight is not finite.
 */
export function exportKeras({
  model,
  inputShape,
  layout,
  weights,
  names,
  weightsName,
  metadata,
}: KerasExport): KerasFiles {
  checkInputShape(inputShape);
  const isGraph = model.layers.some(({ type }) => type === 'residual');
  const writer = new TopologyWriter(names ?? new Map(), isGraph);
  const end = writer.chain(model.layers, '', { name: writer.inputName ?? '', shape: inputShape });
  writer.output(OUTPUTS[model.loss], model.layers.at(-1)!, end);

  const expected = layoutOf(writer.parameters);
  const tensors = new Map(tensorsIn(layout, weights).map((tensor) => [tensor.name, tensor]));
  check(expected.hash === layout.hash, 'model.layout-mismatch', 'The layout is not that of the model.', {
    expected: describeLayout(expected),
    received: describeLayout(layout),
  });
  for (const { name, data } of tensors.values()) checkFinite(name, data);
  const named = writer.weights.map(({ kerasName, name, trained }) => ({
    tensor: renamed(tensors.get(name)!, kerasName),
    trained,
  }));
  // tfjs-layers writes what is not trained last.
  const ordered = [...named.filter(({ trained }) => trained), ...named.filter(({ trained }) => !trained)];
  const { manifest, shard } = writeManifest(
    ordered.map(({ tensor }) => tensor),
    weightsName ?? WEIGHTS_FILE,
  );
  return {
    modelJson: {
      format: 'layers-model',
      generatedBy: GENERATED_BY,
      convertedBy: null,
      modelTopology: {
        ...writer.topology(names?.get('model') ?? 'model', inputShape),
        keras_version: 'tfjs-layers 4.22.0',
        backend: 'tensor_flow.js',
      },
      weightsManifest: manifest,
      userDefinedMetadata: { [METADATA_KEY]: { ...metadata, model } },
    },
    shard,
  };
}

interface Place {
  /** Of the Keras layer whose output it is. */
  readonly name: string;
  readonly shape: readonly number[];
}

class TopologyWriter {
  readonly parameters: ParameterShape[] = [];
  readonly weights: { name: string; kerasName: string; trained: boolean }[] = [];
  readonly #layers: (KerasLayer & { name: string; inputs: string[] })[] = [];
  readonly #names: KerasNames;
  readonly #claimed = new Set<string>();
  readonly #isGraph: boolean;
  /** Undefined: a Sequential whose first layer says what it takes. */
  readonly inputName: string | undefined;

  constructor(names: KerasNames, isGraph: boolean) {
    this.#names = names;
    this.#isGraph = isGraph;
    this.inputName = isGraph || names.has('input') ? this.claim('input', 'input') : undefined;
  }

  /** The name given for a place, or one made for it; never one that is taken. */
  claim(path: string, suggestion: string): string {
    const wanted = this.#names.get(path) ?? suggestion;
    let name = wanted;
    for (let n = 1; this.#claimed.has(name); n++) name = `${wanted}_${n}`;
    this.#claimed.add(name);
    return name;
  }

  /** @param path of the block the layers are in, with a slash at its end. */
  chain(layers: readonly LayerSpec[], path: string, start: Place): Place {
    return layers.reduce((place, layer, i) => this.#layer(layer, `${path}${i}.${layer.type}`, place), start);
  }

  /** Turns logits into probabilities, in the last layer where it can be told to. */
  output(activation: OutputActivation, last: LayerSpec, end: Place): void {
    if (activation === 'linear') return;
    const layer = this.#layers.at(-1)!;
    const isFree = last.type === 'dense' && last.activation === 'linear' && !this.#names.has('output');
    if (isFree) this.#layers[this.#layers.length - 1] = { ...layer, config: { ...layer.config, activation } };
    else
      this.#add({ className: 'Activation', config: { activation } }, this.claim('output', activation), [
        end.name,
      ]);
  }

  topology(name: string, inputShape: readonly number[]): JsonObject {
    const { inputName } = this;
    // float32 for token ids too: a Sequential would make its embedding's table of the type of its input.
    const input = { batch_input_shape: [null, ...inputShape], dtype: 'float32' };
    const inputLayer = { class_name: 'InputLayer', config: { ...input, sparse: false, name: inputName } };
    const layers = this.#layers.map(({ className, config, name }, i) => ({
      class_name: className,
      config: { ...config, name, trainable: true, ...(i === 0 && inputName === undefined ? input : {}) },
    }));
    if (!this.#isGraph)
      return {
        class_name: 'Sequential',
        config: { name, layers: inputName === undefined ? layers : [inputLayer, ...layers] },
      };
    return {
      class_name: 'Model',
      config: {
        name,
        layers: [
          { name: inputName, ...inputLayer, inbound_nodes: [] },
          ...layers.map((layer, i) => ({
            name: layer.config.name,
            ...layer,
            inbound_nodes: [this.#layers[i]!.inputs.map((from) => [from, 0, 0, {}])],
          })),
        ],
        input_layers: [[inputName, 0, 0]],
        output_layers: [[this.#layers.at(-1)!.name, 0, 0]],
      },
    };
  }

  #layer(spec: LayerSpec, path: string, input: Place): Place {
    switch (spec.type) {
      case 'residual':
        return this.#residual(spec, path, input);
      case 'attention':
      case 'groupNorm':
      case 'positionalEncoding':
      case 'shared':
      case 'unembedding':
        throw new MurmurationError('model.unsupported', `Keras in tfjs has no ${spec.type} layer.`, {
          path,
          remedy: 'Save the model as safetensors: it holds any model.',
        });
      default:
        return this.#plain(spec, path, input);
    }
  }

  #plain(spec: PlainLayer, path: string, input: Place): Place {
    const shape = outputShape(spec, input.shape, path);
    const { layer, leaky } = toKeras(spec, input.shape);
    const given = 'name' in spec ? spec.name : undefined;
    const name = this.claim(path, given ?? suggestedName(path));
    this.#add(layer, name, [input.name]);
    for (const weight of weightsOfLayer(spec, input.shape)) this.#weight(path, name, weight);
    if (leaky === undefined) return { name, shape };
    const leakyName = this.claim(`${path}/activation`, `${name}${ACTIVATION_SUFFIX}`);
    this.#add(leaky, leakyName, [name]);
    return { name: leakyName, shape };
  }

  #residual(spec: Extract<LayerSpec, { type: 'residual' }>, path: string, input: Place): Place {
    const main = this.chain(spec.layers, `${path}/`, input);
    const side = this.chain(spec.shortcut, `${path}/shortcut.`, input);
    check(sameShape(main.shape, side.shape), 'model.invalid', 'The two sides of a residual block differ.', {
      path,
      expected: `[${side.shape.join(', ')}], the shape of the shortcut`,
      received: `[${main.shape.join(', ')}]`,
    });
    const name = this.claim(path, suggestedName(path));
    this.#add({ className: 'Add', config: {} }, name, [side.name, main.name]);
    return { name, shape: main.shape };
  }

  #add(layer: KerasLayer, name: string, inputs: string[]): void {
    this.#layers.push({ ...layer, name, inputs });
  }

  #weight(path: string, layerName: string, { name, kerasName, shape, trained }: LayerWeight): void {
    const own = `${path}/${name}`;
    this.parameters.push({ name: own, shape });
    this.weights.push({ name: own, kerasName: `${layerName}/${kerasName}`, trained });
  }
}

/** `3.residual/shortcut.0.conv2d` → `conv2d_3_s0`. */
function suggestedName(path: string): string {
  const places = path.split('/').map((part) => part.replace(/^shortcut\./, 's').replace(/\..*$/, ''));
  const type = path.slice(path.lastIndexOf('.') + 1);
  const snake = type.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
  return `${snake}_${places.join('_')}`;
}

function renamed({ shape, data }: NamedTensor, name: string): NamedTensor {
  return { name, shape, data };
}

function describeLayout({ length, parameters }: Layout): string {
  return `${parameters.length} parameters of ${length} weights`;
}
