import type { LayerSpec } from '../../federation/index.ts';
import { conv2d } from './conv2d.ts';
import { depthwiseConv2d } from './depthwise-conv2d.ts';
import { type CompiledLayer, imageShape } from './layer.ts';

type SeparableConv2dSpec = Extract<LayerSpec, { type: 'separableConv2d' }>;

/**
 * A depthwise convolution, and a 1 × 1 convolution that mixes its channels (Chollet 2017). Stride and padding are
 * the first one's, bias and activation the second one's.
 */
export function separableConv2d(
  spec: SeparableConv2dSpec,
  inputShape: readonly number[],
  path: string,
): CompiledLayer {
  const { filters, multiplier, kernelSize, strides, padding, activation, useBias } = spec;
  imageShape(inputShape, path, spec.type);
  const depthwise = depthwiseConv2d(
    {
      type: 'depthwiseConv2d',
      multiplier,
      kernelSize,
      strides,
      padding,
      activation: 'linear',
      useBias: false,
    },
    inputShape,
    path,
  );
  const pointwise = conv2d(
    { type: 'conv2d', filters, kernelSize: 1, strides: 1, padding: 'valid', activation, useBias },
    depthwise.outputShape,
    path,
  );
  const [pointwiseKernel, ...bias] = pointwise.parameters;
  return {
    parameters: [...depthwise.parameters, { ...pointwiseKernel!, name: 'pointwiseKernel' }, ...bias],
    outputShape: pointwise.outputShape,
    multiplyAdds: depthwise.multiplyAdds + pointwise.multiplyAdds,
    forward(inputs, [depthwiseKernel, ...rest], pass) {
      const first = depthwise.forward(inputs, [depthwiseKernel!], pass);
      const second = pointwise.forward(first.outputs, rest, pass);
      return {
        outputs: second.outputs,
        backward(slope, wantInputs) {
          const after = second.backward(slope, true);
          const before = first.backward(after.inputs!, wantInputs);
          return { inputs: before.inputs, parameters: [...before.parameters, ...after.parameters] };
        },
      };
    },
  };
}
