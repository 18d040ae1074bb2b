import type { LayerSpec } from '../../federation/index.ts';
import { activate } from './activation.ts';
import type { CompiledLayer } from './layer.ts';

type ActivationSpec = Extract<LayerSpec, { type: 'activation' }>;

/** An activation by itself; any shape stays as it is. */
export function activationLayer(
  { activation }: ActivationSpec,
  inputShape: readonly number[],
): CompiledLayer {
  return {
    parameters: [],
    outputShape: inputShape,
    multiplyAdds: 0,
    forward(inputs) {
      const { outputs, backward } = activate(activation, inputs);
      return {
        outputs,
        backward: (slope, wantInputs) => ({
          inputs: wantInputs ? backward(slope) : undefined,
          parameters: [],
        }),
      };
    },
  };
}
