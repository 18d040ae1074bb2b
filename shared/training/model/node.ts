import { add, type Tensor } from '@tensorflow/tfjs-core';
import { type CompiledLayer, type ParameterResult, type Pass, sizeOf } from './layer.ts';

/** A piece of a model that takes its parameters from those of the whole model. */
export interface Node {
  readonly outputShape: readonly number[];
  readonly multiplyAdds: number;
  /** Whether it has anything to train; where nothing before it has, its inputs need no slope. */
  readonly hasParameters: boolean;
  /** Most numbers that one example takes in any layer of the piece. */
  readonly largestLayer: number;
  /** @param parameters of the whole model. */
  forward(inputs: Tensor, parameters: readonly Tensor[], pass: Pass): NodeForward;
}

export interface NodeForward {
  readonly outputs: Tensor;
  backward(slope: Tensor, wantInputs: boolean): NodeBackward;
}

export interface NodeBackward {
  readonly inputs: Tensor | undefined;
  /** By the index of the parameter in the whole model; one that is shared occurs more than once. */
  readonly parameters: readonly { readonly index: number; readonly result: ParameterResult }[];
}

/** A layer that finds its parameters at these indices. */
export function layerNode(layer: CompiledLayer, indices: readonly number[]): Node {
  return {
    outputShape: layer.outputShape,
    multiplyAdds: layer.multiplyAdds,
    hasParameters: indices.length > 0,
    largestLayer: Math.max(sizeOf(layer.outputShape), layer.largestInside ?? 0),
    forward(inputs, parameters, pass) {
      const { outputs, backward } = layer.forward(
        inputs,
        indices.map((index) => parameters[index]!),
        pass,
      );
      return {
        outputs,
        backward(slope, wantInputs) {
          const back = backward(slope, wantInputs);
          return {
            inputs: back.inputs,
            parameters: back.parameters.map((result, i) => ({ index: indices[i]!, result })),
          };
        },
      };
    },
  };
}

/** One node after the other. */
export function sequenceNode(nodes: readonly Node[], inputShape: readonly number[]): Node {
  const first = nodes.findIndex((node) => node.hasParameters);
  return {
    outputShape: nodes.at(-1)?.outputShape ?? inputShape,
    hasParameters: first >= 0,
    multiplyAdds: nodes.reduce((sum, node) => sum + node.multiplyAdds, 0),
    largestLayer: Math.max(0, ...nodes.map((node) => node.largestLayer)),
    forward(inputs, parameters, pass) {
      const ways: NodeForward[] = [];
      let outputs = inputs;
      for (const node of nodes) {
        const way = node.forward(outputs, parameters, pass);
        ways.push(way);
        outputs = way.outputs;
      }
      return {
        outputs,
        backward(slope, wantInputs) {
          const results: NodeBackward['parameters'][number][] = [];
          let current: Tensor | undefined = slope;
          const last = wantInputs ? 0 : first < 0 ? ways.length : first;
          for (let i = ways.length - 1; i >= last && current !== undefined; i--) {
            const back: NodeBackward = ways[i]!.backward(current, i > last || wantInputs);
            results.push(...back.parameters);
            current = back.inputs;
          }
          return { inputs: wantInputs ? current : undefined, parameters: results };
        },
      };
    },
  };
}

/** shortcut(inputs) + body(inputs); an empty shortcut is the inputs themselves. */
export function residualNode(body: Node, shortcut: Node): Node {
  return {
    outputShape: body.outputShape,
    hasParameters: body.hasParameters || shortcut.hasParameters,
    multiplyAdds: body.multiplyAdds + shortcut.multiplyAdds,
    largestLayer: Math.max(body.largestLayer, shortcut.largestLayer),
    forward(inputs, parameters, pass) {
      const main = body.forward(inputs, parameters, pass);
      const side = shortcut.forward(inputs, parameters, pass);
      return {
        outputs: add(main.outputs, side.outputs),
        backward(slope, wantInputs) {
          const back = main.backward(slope, wantInputs);
          const sideBack = side.backward(slope, wantInputs);
          return {
            inputs: wantInputs ? add(back.inputs!, sideBack.inputs!) : undefined,
            parameters: [...back.parameters, ...sideBack.parameters],
          };
        },
      };
    },
  };
}
