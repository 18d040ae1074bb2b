import { check, MurmurationError } from '../../errors/index.ts';
import { federationSchema, type LayerSpec, type ModelSpec } from '../../federation/index.ts';
import { type Layout, layoutOf, type ParameterShape } from '../../update/index.ts';
import { asObject, type JsonObject, sizeOf } from './json.ts';
import type { LayerConfig } from './keras-config.ts';
import { ACTIVATION_SUFFIX, type KerasNames, METADATA_KEY } from './keras-export.ts';
import { type Link, readTopology, type Topology } from './keras-graph.ts';
import { fromKeras, type OutputActivation, outputActivation } from './keras-layers.ts';
import { type LayerWeight, outputShape, type PlainLayer, weightsOfLayer } from './keras-shapes.ts';
import { type NamedBytes, readManifest } from './keras-weights.ts';
import { checkInputShape, parseModelSpec, sameModel } from './model-spec.ts';
import { flatWeights, type NamedTensor, sameShape } from './tensor.ts';

export interface ImportedModel {
  /** Puts out logits, whatever the file's last activation was: `output` and the loss say which. */
  readonly model: ModelSpec;
  readonly inputShape: readonly number[];
  readonly layout: Layout;
  readonly weights: Float32Array<ArrayBuffer>;
  readonly output: OutputActivation;
  /** Give them to an export, and the model goes back under its own names. */
  readonly names: KerasNames;
  /** What was read otherwise than it stands in the file, in sentences for a person. */
  readonly notes: readonly string[];
}

/**
 * Reads a tfjs LayersModel, or a Keras model that was converted to one.
 * @param modelJson the parsed model.json. @param shards its weight files.
 * @throws `model.unsupported` naming the layer and the setting that models here do not have; `model.corrupt`;
 * `model.invalid` when a weight is not finite.
 */
export function importKeras(modelJson: JsonObject, shards: readonly NamedBytes[]): ImportedModel {
  const topology = readTopology(modelJson);
  checkInputShape(topology.inputShape);
  const kept = keptModel(modelJson);
  const trainedTowards = kept?.loss ?? lossOf(topology);
  const { links, output, name } = withoutOutput(topology.links, trainedTowards);
  const reader = new LayerReader(readManifest(modelJson.weightsManifest, shards));
  if (topology.name !== undefined) reader.names.set('model', topology.name);
  if (topology.inputName !== undefined) reader.names.set('input', topology.inputName);
  if (name !== undefined) reader.names.set('output', name);
  const layers = reader.chain(links, '', topology.inputShape).layers;
  reader.checkAllUsed();

  const read = parseModelSpec({ layers, loss: LOSSES[output] ?? trainedTowards ?? 'meanSquaredError' });
  const layout = layoutOf(reader.parameters);
  return {
    // The topology decides; the document that was kept beside it only adds what Keras has no place for.
    model: kept !== undefined && kept.loss === read.loss && sameModel(kept.layers, read.layers) ? kept : read,
    inputShape: topology.inputShape,
    layout,
    weights: flatWeights(layout, reader.tensors),
    output,
    names: reader.names,
    notes: reader.notes,
  };
}

/** What an activation at the end says about the loss; undefined: nothing. */
const LOSSES: Readonly<Record<OutputActivation, ModelSpec['loss'] | undefined>> = {
  softmax: 'softmaxCrossEntropy',
  sigmoid: 'sigmoidCrossEntropy',
  linear: undefined,
};

/** The loss that the model was compiled with, in the spellings of tfjs and Keras, if it says so. */
function lossOf({ loss }: Topology): ModelSpec['loss'] | undefined {
  const name = loss?.replaceAll('_', '').toLowerCase() ?? '';
  if (/^(mse|meansquarederror)$/.test(name)) return 'meanSquaredError';
  if (/^huber(loss)?$/.test(name)) return 'huber';
  if (/^binarycrossentropy$/.test(name)) return 'sigmoidCrossEntropy';
  return /^(sparse)?categoricalcrossentropy$/.test(name) ? 'softmaxCrossEntropy' : undefined;
}

/** What was written beside the topology, if it was written by us and can still be read. */
function keptModel(modelJson: JsonObject): ModelSpec | undefined {
  const metadata = modelJson.userDefinedMetadata;
  if (metadata === undefined || metadata === null) return undefined;
  const own = asObject(metadata, 'userDefinedMetadata')[METADATA_KEY];
  if (own === undefined) return undefined;
  return federationSchema.shape.model.safeParse(asObject(own, METADATA_KEY).model).data;
}

/** The links without what turns logits into probabilities at their end. */
function withoutOutput(
  links: readonly Link[],
  trainedTowards: ModelSpec['loss'] | undefined,
): { links: readonly Link[]; output: OutputActivation; name?: string } {
  const last = links.at(-1);
  check(last !== undefined, 'model.invalid', 'The Keras model has no layers.');
  if (last.kind !== 'layer') return { links, output: 'linear' };
  // A sigmoid that was trained towards numbers is part of the model.
  const isPart = trainedTowards === 'meanSquaredError' || trainedTowards === 'huber';
  const { config } = last;
  const separate = outputActivation(config);
  if (separate === 'softmax' || (separate === 'sigmoid' && !isPart))
    return { links: links.slice(0, -1), output: separate, name: config.name };
  const activation = config.className === 'Dense' ? config.value('activation') : undefined;
  if (activation === 'softmax' || (activation === 'sigmoid' && !isPart)) {
    const linear = config.with('activation', 'linear');
    return { links: [...links.slice(0, -1), { kind: 'layer', config: linear }], output: activation };
  }
  return { links, output: 'linear' };
}

/** Channels of a layer whose scale or center no file holds. */
const MAX_FILLED = 1_000_000;

interface Read {
  readonly layers: LayerSpec[];
  readonly shape: readonly number[];
}

class LayerReader {
  readonly parameters: ParameterShape[] = [];
  readonly tensors: NamedTensor[] = [];
  readonly names = new Map<string, string>();
  readonly notes: string[] = [];
  readonly #weights: Map<string, NamedTensor>;

  constructor(weights: readonly NamedTensor[]) {
    this.#weights = new Map(weights.map((weight) => [weight.name, weight]));
  }

  chain(links: readonly Link[], path: string, input: readonly number[]): Read {
    const layers: LayerSpec[] = [];
    let shape = input;
    for (let i = 0; i < links.length; i++) {
      const link = links[i]!;
      const at = `${path}${layers.length}.`;
      if (link.kind === 'residual') {
        const here = `${at}residual`;
        const main = this.chain(link.layers, `${here}/`, shape);
        const side = this.chain(link.shortcut, `${here}/shortcut.`, shape);
        check(
          sameShape(main.shape, side.shape),
          'model.unsupported',
          'An addition of two different shapes.',
          {
            path: `layer "${link.name.slice(0, 80)}"`,
            expected: `[${side.shape.join(', ')}]`,
            received: `[${main.shape.join(', ')}]`,
          },
        );
        layers.push({ type: 'residual', layers: main.layers, shortcut: side.layers });
        this.names.set(here, link.name);
        shape = main.shape;
        continue;
      }
      const { config } = link;
      let spec = fromKeras(this.#completed(config), shape);
      const here = `${at}${spec.type}`;
      this.#read(spec, config, here, shape);
      const next = links[i + 1];
      if (next?.kind === 'layer' && isOwnActivation(spec, config, next.config)) {
        fromKeras(next.config, shape);
        spec = { ...spec, activation: 'leakyRelu' } as PlainLayer;
        i++;
      }
      shape = outputShape(spec, shape, config.path());
      layers.push(spec);
    }
    return { layers, shape };
  }

  /** @throws `model.unsupported` on weights that no layer asked for. */
  checkAllUsed(): void {
    const [name] = this.#weights.keys();
    check(name === undefined, 'model.unsupported', 'The Keras model has weights that no layer asks for.', {
      received: `${this.#weights.size}, the first "${String(name).slice(0, 80)}"`,
    });
  }

  #read(spec: PlainLayer, config: LayerConfig, path: string, input: readonly number[]): void {
    this.names.set(path, config.name);
    for (const weight of weightsOfLayer(spec, input)) {
      const tensor = this.#take(config, weight);
      check(sameShape(tensor.shape, weight.shape), 'model.corrupt', 'A weight does not fit its layer.', {
        path: config.path(weight.kerasName),
        expected: `[${weight.shape.join(', ')}]`,
        received: `[${tensor.shape.join(', ')}]`,
      });
      const name = `${path}/${weight.name}`;
      this.parameters.push({ name, shape: weight.shape });
      this.tensors.push({ name, shape: weight.shape, data: tensor.data });
    }
    for (const key of config.keys())
      if (/_(regularizer|constraint)$/.test(key) && config.value(key) !== undefined)
        this.notes.push(`${config.path(key)} is left out: training here has none.`);
    if (config.value('trainable') === false)
      this.notes.push(`${config.path()} was frozen; here it trains like all others.`);
  }

  /** tfjs-layers leaves the multiplier of a separable convolution out of what it saves; its kernel tells. */
  #completed(config: LayerConfig): LayerConfig {
    if (config.className !== 'SeparableConv2D' || config.value('depth_multiplier') !== undefined)
      return config;
    return config.with(
      'depth_multiplier',
      this.#weights.get(`${config.name}/depthwise_kernel`)?.shape.at(-1),
    );
  }

  #take(config: LayerConfig, { kerasName, shape }: LayerWeight): NamedTensor {
    const name = `${config.name}/${kerasName}`;
    const found = this.#weights.get(name);
    if (found !== undefined) {
      this.#weights.delete(name);
      return found;
    }
    const value = leftOut(config, kerasName);
    if (value === undefined)
      throw new MurmurationError('model.corrupt', 'A weight is missing.', {
        path: config.path(kerasName),
        expected: `a weight named "${name.slice(0, 120)}"`,
      });
    const size = sizeOf(shape);
    check(size <= MAX_FILLED, 'model.unsupported', 'The layer has too many channels.', {
      path: config.path(),
      expected: `at most ${MAX_FILLED}`,
      received: String(size),
    });
    this.notes.push(`${config.path(kerasName)} is not in the file; it starts at ${value} and trains.`);
    return { name, shape, data: new Float32Array(size).fill(value) };
  }
}

/** Normalization without a scale or a center multiplies by one or adds nothing. */
function leftOut(config: LayerConfig, kerasName: string): number | undefined {
  if (!['LayerNormalization', 'BatchNormalization'].includes(config.className)) return undefined;
  if (kerasName === 'gamma' && !config.flag('scale', true)) return 1;
  if (kerasName === 'beta' && !config.flag('center', true)) return 0;
  return undefined;
}

/** A leaky ReLU that an export split off from the layer before it. */
function isOwnActivation(spec: PlainLayer, config: LayerConfig, next: LayerConfig): boolean {
  return (
    'activation' in spec &&
    spec.type !== 'activation' &&
    spec.activation === 'linear' &&
    next.className === 'LeakyReLU' &&
    next.name === `${config.name}${ACTIVATION_SUFFIX}`
  );
}
