import { check, MurmurationError } from '../../errors/index.ts';
import type { LayerSpec } from '../../federation/index.ts';
import type { CompiledLayer, LayerParameter } from './layer.ts';
import { compileLayer, type SingleLayerSpec } from './layers.ts';
import { layerNode, type Node, residualNode, sequenceNode } from './node.ts';
import { unembedding } from './unembedding.ts';

/** Numbers that one example may take in any one layer: 12 MB of float32, 400 MB for a batch of 32. */
const MAX_ACTIVATIONS = 3_000_000;

interface NamedLayer {
  readonly spec: SingleLayerSpec;
  readonly indices: readonly number[];
}

/** The parameters of a model as its layers are compiled, and the layers that others may refer to. */
export interface ParameterTable {
  readonly parameters: LayerParameter[];
  readonly named: Map<string, NamedLayer>;
}

/** @param prefix of the names of parameters; @param path of the list in the document, for messages. */
export function compileSequence(
  specs: readonly LayerSpec[],
  inputShape: readonly number[],
  table: ParameterTable,
  prefix: string,
  path: string,
): Node {
  const nodes: Node[] = [];
  let shape = inputShape;
  specs.forEach((spec, i) => {
    const layerPath = `${path}[${i}]`;
    const node = compileNode(spec, shape, table, `${prefix}${i}.${spec.type}/`, layerPath);
    check(node.largestLayer <= MAX_ACTIVATIONS, 'model.invalid', 'The layer puts out too many numbers.', {
      path: layerPath,
      expected: `at most ${MAX_ACTIVATIONS} per example`,
      received: String(node.largestLayer),
      remedy: 'Use fewer filters, units or heads, smaller images, or shorter sequences.',
    });
    nodes.push(node);
    shape = node.outputShape;
  });
  return sequenceNode(nodes, inputShape);
}

function compileNode(
  spec: LayerSpec,
  shape: readonly number[],
  table: ParameterTable,
  prefix: string,
  path: string,
): Node {
  switch (spec.type) {
    case 'residual': {
      const body = compileSequence(spec.layers, shape, table, prefix, `${path}.layers`);
      const shortcut = compileSequence(spec.shortcut, shape, table, `${prefix}shortcut.`, `${path}.shortcut`);
      checkSameShape(body.outputShape, shortcut.outputShape, path);
      return residualNode(body, shortcut);
    }
    case 'shared': {
      const { spec: original, indices } = namedLayer(table, spec.of, path);
      const layer = compileLayer(original, shape, path);
      checkParameters(layer, indices, table, spec.of, path);
      return layerNode(layer, indices);
    }
    case 'unembedding': {
      const { spec: original, indices } = namedLayer(table, spec.of, path);
      check(original.type === 'embedding', 'model.invalid', 'Only the table of an embedding can be used.', {
        path: `${path}.of`,
        expected: 'the name of an embedding layer',
        received: `${spec.of}, a ${original.type} layer`,
      });
      return layerNode(unembedding([original.vocabulary, original.units], shape, path), indices);
    }
    default: {
      const layer = compileLayer(spec, shape, path);
      const indices = layer.parameters.map(
        (parameter) => table.parameters.push({ ...parameter, name: `${prefix}${parameter.name}` }) - 1,
      );
      if ('name' in spec && spec.name !== undefined) {
        check(!table.named.has(spec.name), 'model.invalid', 'Two layers have one name.', {
          path: `${path}.name`,
          expected: 'a name of its own',
          received: spec.name,
        });
        table.named.set(spec.name, { spec, indices });
      }
      return layerNode(layer, indices);
    }
  }
}

function namedLayer(table: ParameterTable, name: string, path: string): NamedLayer {
  const layer = table.named.get(name);
  if (layer !== undefined) return layer;
  throw new MurmurationError('model.invalid', 'No layer before it has that name.', {
    path: `${path}.of`,
    expected: [...table.named.keys()].join(', ') || 'the name of an earlier layer',
    received: name,
    remedy: 'Give the earlier layer this name.',
  });
}

function checkSameShape(body: readonly number[], shortcut: readonly number[], path: string): void {
  check(body.join() === shortcut.join(), 'model.invalid', 'The two ways of a residual block do not add up.', {
    path,
    expected: `[${shortcut.join(', ')}], what the shortcut puts out`,
    received: `[${body.join(', ')}]`,
    remedy: 'Change the last layer of the block, or give the shortcut a layer that changes the shape alike.',
  });
}

function checkParameters(
  layer: CompiledLayer,
  indices: readonly number[],
  table: ParameterTable,
  name: string,
  path: string,
): void {
  layer.parameters.forEach((parameter, i) => {
    const original = table.parameters[indices[i]!]!;
    check(
      parameter.shape.join() === original.shape.join(),
      'model.invalid',
      'The layer cannot be used again here.',
      {
        path,
        expected: `an input that gives ${name} a ${parameter.name} of [${original.shape.join(', ')}]`,
        received: `one that needs [${parameter.shape.join(', ')}]`,
      },
    );
  });
}
