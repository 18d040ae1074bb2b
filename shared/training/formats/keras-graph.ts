import { check, MurmurationError } from '../../errors/index.ts';
import { asArray, asObject, asText, type JsonObject } from './json.ts';
import { LayerConfig } from './keras-config.ts';

/** A Keras topology, Sequential or functional, as a chain of layers and additions around parts of it. */

export type Link =
  | { readonly kind: 'layer'; readonly config: LayerConfig }
  /** shortcut(inputs) + layers(inputs), by the Add layer of that name. */
  | {
      readonly kind: 'residual';
      readonly name: string;
      readonly layers: readonly Link[];
      readonly shortcut: readonly Link[];
    };

export interface Topology {
  readonly name: string | undefined;
  /** Of one example; the name of the layer that takes it, where it has one of its own. */
  readonly inputShape: readonly number[];
  readonly inputName: string | undefined;
  readonly links: readonly Link[];
  /** The loss the model was compiled with, if it says so. */
  readonly loss: string | undefined;
}

/** The walk is recursive; nothing that trains in a browser comes near. */
const MAX_LAYERS = 2000;
const MAX_SHORTCUT = 16;

interface Node {
  readonly config: LayerConfig;
  readonly raw: JsonObject;
  readonly inputs: readonly string[];
}

/** @throws `model.corrupt`, and `model.unsupported` where the graph is more than a chain with additions. */
export function readTopology(modelJson: JsonObject): Topology {
  const outer = asObject(modelJson.modelTopology, 'modelTopology');
  // A converter wraps what Keras wrote; tfjs does not.
  const topology = outer.model_config === undefined ? outer : asObject(outer.model_config, 'model_config');
  const training = modelJson.trainingConfig ?? outer.training_config ?? {};
  const { loss } = asObject(training, 'trainingConfig');
  const className = asText(topology.class_name, 'modelTopology.class_name');
  const parts =
    className === 'Sequential'
      ? sequential(topology.config)
      : className === 'Model' || className === 'Functional'
        ? functional(asObject(topology.config, 'modelTopology.config'))
        : undefined;
  if (parts === undefined)
    throw new MurmurationError('model.unsupported', 'The Keras model is of a kind that is not read.', {
      path: 'modelTopology.class_name',
      expected: 'Sequential, Model or Functional',
      received: className.slice(0, 40),
    });
  const named = typeof loss === 'object' && loss !== null ? (loss as JsonObject).class_name : loss;
  return { ...parts, loss: typeof named === 'string' ? named : undefined };
}

function sequential(value: unknown): Omit<Topology, 'loss'> {
  // Before Keras 2.3 the configuration was the list itself.
  const config = Array.isArray(value) ? { layers: value } : asObject(value, 'modelTopology.config');
  const entries = layerEntries(config);
  const [first] = entries;
  check(first !== undefined, 'model.invalid', 'The Keras model has no layers.');
  const isInput = first.config.className === 'InputLayer';
  const layers = isInput ? entries.slice(1) : entries;
  return {
    name: nameOf(config),
    inputShape: inputShapeOf(first.config),
    inputName: isInput ? first.config.name : undefined,
    links: layers.map(({ config }) => {
      if (config.className === 'InputLayer')
        throw config.unsupported(undefined, 'one input, before all other layers');
      return { kind: 'layer', config };
    }),
  };
}

function functional(config: JsonObject): Omit<Topology, 'loss'> {
  const entries = layerEntries(config);
  const nodes = new Map<string, Node>();
  for (const { config, raw } of entries) {
    check(!nodes.has(config.name), 'model.corrupt', `Two layers are named "${config.name.slice(0, 80)}".`);
    nodes.set(config.name, { config, raw, inputs: inboundOf(raw, config) });
  }
  const input = single(config.input_layers, 'input_layers', nodes);
  const output = single(config.output_layers, 'output_layers', nodes);
  check(
    input.config.className === 'InputLayer',
    'model.corrupt',
    'The input of the Keras model is no input.',
    {
      path: input.config.path(),
    },
  );
  const used = new Set<string>([input.config.name]);
  const walk = graphWalk(nodes);
  walk.before(input.config.name);
  walk.line(output.config.name);
  const links = chain(walk, output.config.name, input.config.name, used);
  for (const { config } of nodes.values())
    if (!used.has(config.name))
      throw config.unsupported(undefined, 'a layer on the way from input to output');
  return {
    name: nameOf(config),
    inputShape: inputShapeOf(input.config),
    inputName: input.config.name,
    links,
  };
}

interface Walk {
  node(name: string): Node;
  /** The layer before it on the main line: for an addition, where its two sides part. */
  before(name: string): string | undefined;
  /** The layer and all before it on its main line. @throws `model.corrupt` when they go round in a circle. */
  line(name: string): string[];
}

function graphWalk(nodes: ReadonlyMap<string, Node>): Walk {
  const known = new Map<string, string | undefined>();
  const underWay = new Set<string>();
  const node = (name: string): Node => {
    const found = nodes.get(name);
    check(found !== undefined, 'model.corrupt', `The layer "${name.slice(0, 80)}" is used and not there.`);
    return found;
  };

  const before = (name: string): string | undefined => {
    if (known.has(name)) return known.get(name);
    const { config, inputs } = node(name);
    check(!underWay.has(name), 'model.corrupt', 'The layers go round in a circle.', { path: config.path() });
    underWay.add(name);
    let result = inputs[0];
    if (config.className === 'Add') {
      if (inputs.length !== 2) throw config.unsupported(undefined, '2 inputs', String(inputs.length));
      const first = new Set(line(inputs[0]!));
      result = line(inputs[1]!).find((ancestor) => first.has(ancestor));
      if (result === undefined) throw config.unsupported(undefined, 'two sides that part at one layer');
    } else if (config.className === 'InputLayer') {
      check(inputs.length === 0, 'model.corrupt', 'An input has an input.', { path: config.path() });
    } else if (inputs.length !== 1) {
      throw config.unsupported(undefined, '1 input', String(inputs.length));
    }
    underWay.delete(name);
    known.set(name, result);
    return result;
  };

  const line = (start: string): string[] => {
    const names = new Set<string>();
    for (let at: string | undefined = start; at !== undefined; at = before(at)) {
      check(!names.has(at), 'model.corrupt', 'The layers go round in a circle.', {
        path: node(at).config.path(),
      });
      names.add(at);
    }
    return [...names];
  };
  return { node, before, line };
}

/** The layers after `start`, up to and with `end`. */
function chain(walk: Walk, end: string, start: string, used: Set<string>): Link[] {
  const links: Link[] = [];
  let at: string | undefined = end;
  while (at !== start) {
    const { config, inputs } = walk.node(at);
    // Seen from a second side: its output leaves a part of the graph that an addition closes.
    if (used.has(at)) throw config.unsupported(undefined, 'a layer whose output is used once, or added up');
    used.add(at);
    const previous: string | undefined = walk.before(at);
    if (previous === undefined) throw config.unsupported(undefined, 'one input of the whole model');
    if (config.className === 'Add') {
      const [a, b] = inputs.map((side) => chain(walk, side, previous, used)) as [Link[], Link[]];
      links.push(residual(config, a, b));
    } else {
      links.push({ kind: 'layer', config });
    }
    at = previous;
  }
  return links.reverse();
}

function residual(config: LayerConfig, a: Link[], b: Link[]): Link {
  const [shortcut, layers] = b.length === 0 || a.length > MAX_SHORTCUT ? [b, a] : [a, b];
  if (layers.length === 0) throw config.unsupported(undefined, 'a layer on at least one side');
  return { kind: 'residual', name: config.name, layers, shortcut };
}

function layerEntries(config: JsonObject): { config: LayerConfig; raw: JsonObject }[] {
  const layers = asArray(config.layers, 'modelTopology.config.layers');
  check(layers.length <= MAX_LAYERS, 'model.unsupported', 'The Keras model has too many layers.', {
    expected: `at most ${MAX_LAYERS}`,
    received: String(layers.length),
  });
  return layers.map((entry, i) => {
    const path = `modelTopology.config.layers[${i}]`;
    const raw = asObject(entry, path);
    const className = asText(raw.class_name, `${path}.class_name`);
    return { raw, config: new LayerConfig(className, asObject(raw.config, `${path}.config`)) };
  });
}

/** `[[["dense_1", 0, 0, {}]]]`: one call of the layer, its inputs by name, call and output. */
function inboundOf(raw: JsonObject, config: LayerConfig): string[] {
  const calls = asArray(raw.inbound_nodes ?? [], config.path('inbound_nodes'));
  if (calls.length > 1)
    throw config.unsupported('inbound_nodes', 'a layer that is used once', String(calls.length));
  if (calls.length === 0) return [];
  if (!Array.isArray(calls[0]))
    throw config.unsupported('inbound_nodes', 'the lists of Keras 2', 'those of Keras 3');
  return calls[0].map((entry: unknown) => {
    const [name, call, output] = asArray(entry, config.path('inbound_nodes'));
    if ((call ?? 0) !== 0 || (output ?? 0) !== 0)
      throw config.unsupported('inbound_nodes', 'layers that are used once and have one output');
    return asText(name, config.path('inbound_nodes'));
  });
}

/** `[["input1", 0, 0]]`, or `["input1", 0, 0]` from a newer Keras. */
function single(value: unknown, key: string, nodes: ReadonlyMap<string, Node>): Node {
  const list = asArray(value, key);
  const entries = typeof list[0] === 'string' ? [list] : list;
  check(entries.length === 1, 'model.unsupported', 'The Keras model is not of one input and one output.', {
    path: key,
    expected: '1',
    received: String(entries.length),
  });
  const name = asText(asArray(entries[0], key)[0], key);
  const node = nodes.get(name);
  check(node !== undefined, 'model.corrupt', `The layer "${name.slice(0, 80)}" is used and not there.`);
  return node;
}

function inputShapeOf(config: LayerConfig): readonly number[] {
  const key = ['batch_input_shape', 'batch_shape'].find((name) => config.value(name) !== undefined);
  const value = key === undefined ? undefined : config.value(key);
  // An embedding may say the length of its sequences in a setting of its own.
  if (value === undefined && config.className === 'Embedding') return [config.integer('input_length')];
  const [, ...shape] = asArray(value, config.path('batch_input_shape'));
  if (shape.length === 0 || !shape.every((size) => Number.isSafeInteger(size) && (size as number) > 0))
    throw config.unsupported(key, 'a fixed number along each axis');
  return shape as number[];
}

function nameOf(config: JsonObject): string | undefined {
  return typeof config.name === 'string' ? config.name : undefined;
}
