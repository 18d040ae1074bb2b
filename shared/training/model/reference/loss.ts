import { unreachable } from '../../../errors/index.ts';
import type { ModelSpec } from '../../../federation/index.ts';
import { softmax } from './sequence.ts';
import type { Values } from './values.ts';

/** One loss per target. @param outputs of the model; the last axis is one target's. */
export function referenceLosses(
  { loss, huberDelta }: Pick<ModelSpec, 'loss' | 'huberDelta'>,
  outputs: Values,
  targets: ArrayLike<number>,
): number[] {
  const width = outputs.data.length / targets.length;
  return Array.from({ length: targets.length }, (_, row) => {
    const output = outputs.data.slice(row * width, (row + 1) * width);
    const target = targets[row]!;
    switch (loss) {
      case 'softmaxCrossEntropy':
        return -Math.log(softmax(output)[target]!);
      case 'sigmoidCrossEntropy':
        return output.reduce((total, logit, label) => {
          const on = width === 1 ? target === 1 : target === label;
          return total + Math.log1p(Math.exp(on ? -logit : logit)); // −log σ(±logit)
        }, 0);
      case 'meanSquaredError':
        return (output[0]! - target) ** 2;
      case 'huber': {
        const distance = Math.abs(output[0]! - target);
        return distance <= huberDelta ? distance ** 2 / 2 : huberDelta * (distance - huberDelta / 2);
      }
      default:
        return unreachable(loss);
    }
  });
}
