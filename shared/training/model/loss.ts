import {
  customGrad,
  exp,
  type GradSaveFunc,
  log,
  max,
  mean,
  mul,
  oneHot,
  reshape,
  type Scalar,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
} from '@tensorflow/tfjs-core';

/**
 * Mean over the batch of −log softmax(logits)[class].
 * Its gradient, (softmax − one-hot) / batch, is written out: no log-softmax kernel exists for WASM, and it is
 * exact where log and exp would overflow.
 * @param logits [batch, classes]. @param classes int32 [batch], each in [0, classes).
 */
export function softmaxCrossEntropy(logits: Tensor2D, classes: Tensor1D): Scalar {
  const [batch, width] = logits.shape;
  const expected = oneHot(classes, width);
  return scalarWithSlope(logits, (outputs) => {
    const shifted = sub(outputs, max(outputs, 1, true));
    const logNormalizers = log(sum(exp(shifted), 1));
    return {
      value: mean(sub(logNormalizers, sum(mul(shifted, expected), 1))),
      slope: mul(sub(softmax(outputs), expected), 1 / batch),
    };
  });
}

/**
 * Mean over the batch of (output − target)².
 * @param outputs [batch, 1]. @param targets float32 [batch].
 */
export function meanSquaredError(outputs: Tensor2D, targets: Tensor1D): Scalar {
  const batch = outputs.shape[0];
  return scalarWithSlope(outputs, (predicted) => {
    const difference = sub(predicted, reshape(targets, [batch, 1]));
    return { value: mean(square(difference)), slope: mul(difference, 2 / batch) };
  });
}

/** A scalar function of one matrix whose derivative is worked out along with it. */
function scalarWithSlope(
  input: Tensor2D,
  evaluate: (input: Tensor2D) => { value: Tensor; slope: Tensor },
): Scalar {
  const withGradient = customGrad((...args) => {
    const [matrix, save] = args as unknown as [Tensor2D, GradSaveFunc];
    const { value, slope } = evaluate(matrix);
    save([slope]);
    return {
      value,
      gradFunc: (upstream: Tensor, saved: Tensor[]) => mul(upstream, saved[0]!),
    };
  });
  return withGradient(input) as Scalar;
}
