import {
  abs,
  add,
  cast,
  engine,
  exp,
  log,
  max,
  maximum,
  minimum,
  mul,
  neg,
  oneHot,
  relu,
  reshape,
  sigmoid,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
} from '@tensorflow/tfjs-core';
import { unreachable } from '../../errors/index.ts';
import type { ModelSpec } from '../../federation/index.ts';
import { hasKernel } from '../ops/kernel.ts';

export interface Evaluated {
  /** One per row, [rows]. */
  readonly losses: Tensor1D;
  /** Each row's loss by its own outputs, [rows, width]. */
  readonly slope: Tensor2D;
}

/**
 * @param outputs [rows, width]: logits, or values with width 1.
 * @param targets [rows]: int32 classes in [0, width), or in {0, 1} with a single logit; or float32 values.
 */
export type Loss = (outputs: Tensor2D, targets: Tensor1D) => Evaluated;

export function lossOf({ loss, huberDelta }: Pick<ModelSpec, 'loss' | 'huberDelta'>): Loss {
  switch (loss) {
    case 'softmaxCrossEntropy':
      return softmaxCrossEntropy;
    case 'sigmoidCrossEntropy':
      return sigmoidCrossEntropy;
    case 'meanSquaredError':
      return squaredError;
    case 'huber':
      return huber(huberDelta);
    default:
      return unreachable(loss);
  }
}

/** −log softmax(logits)[class]; exact where exp would overflow. */
const softmaxCrossEntropy: Loss = (logits, classes) => {
  if (hasKernel('SoftmaxCrossEntropy')) {
    const [losses, slope] = engine().runKernel('SoftmaxCrossEntropy', { logits, classes }) as unknown as [
      Tensor1D,
      Tensor2D,
    ];
    return { losses, slope };
  }
  const expected = oneHot(classes, logits.shape[1]);
  const shifted = sub(logits, max(logits, 1, true));
  const logNormalizers = log(sum(exp(shifted), 1));
  return {
    losses: sub(logNormalizers, sum(mul(shifted, expected), 1)),
    slope: sub(softmax(logits), expected),
  };
};

/** Σ over the outputs of −log of the probability that its label is on, or off; max(x, 0) − x·z + log(1 + e^−|x|). */
const sigmoidCrossEntropy: Loss = (logits, classes) => {
  const [rows, width] = logits.shape;
  const labels: Tensor = width === 1 ? reshape(classes, [rows, 1]) : oneHot(classes, width);
  const expected = cast(labels, 'float32');
  const each = add(sub(relu(logits), mul(logits, expected)), log(add(exp(neg(abs(logits))), 1)));
  return { losses: sum(each, 1), slope: sub(sigmoid(logits), expected) as Tensor2D };
};

/** (output − target)². */
const squaredError: Loss = (outputs, targets) => {
  const difference = sub(outputs, reshape(targets, [outputs.shape[0], 1])) as Tensor2D;
  return { losses: sum(square(difference), 1), slope: mul(difference, 2) };
};

/** d²/2 within δ of the target, δ·(|d| − δ/2) beyond (Huber 1964). */
function huber(delta: number): Loss {
  return (outputs, targets) => {
    const difference = sub(outputs, reshape(targets, [outputs.shape[0], 1])) as Tensor2D;
    const within = minimum(abs(difference), delta);
    const beyond: Tensor = sub(abs(difference), within);
    return {
      losses: sum(add(mul(square(within), 0.5), mul(beyond, delta)), 1),
      slope: maximum(minimum(difference, delta), -delta) as Tensor2D,
    };
  };
}
