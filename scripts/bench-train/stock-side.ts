import * as tf from '@tensorflow/tfjs';
import { inputShape } from '../../shared/dataset/examples.ts';
import { trainingFederation } from '../../shared/testing/training-models.ts';
import { CLASSES, syntheticBatch } from './batch.ts';
import { jobTimer, type Trainee } from './jobs.ts';
import { LEARNING_RATE } from './models.ts';
import { measureProducts } from './products.ts';
import type { Side, StepJob } from './side.ts';
import { buildStockModel } from './stock-model.ts';

/** tfjs as it comes, by itself in its process or worker. @param prepareWasm says where its binaries are. */
export function stockSide(prepareWasm: () => void): Side {
  return {
    async start(backend) {
      tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
      prepareWasm();
      if (!(await tf.setBackend(backend))) throw new Error('The backend did not start.');
      return `tfjs ${tf.version.tfjs}`;
    },
    ...jobTimer(trainee),
    products: async (products, repeats) => measureProducts(products, repeats),
  };
}

function trainee({ model, batchSize, isPrivate, weights }: StepJob): Trainee {
  if (isPrivate) throw new Error('Stock tfjs does not clip per example.');
  const federation = trainingFederation(model);
  const shape = inputShape(federation.data);
  const { variables, forward } = buildStockModel(federation, shape, weights);
  const batch = syntheticBatch(federation, batchSize);
  const dtype = federation.data.kind === 'tokens' ? 'int32' : 'float32';
  // Made once, unlike on our side, which is handed typed arrays at each step.
  const inputs = tf.tensor(batch.inputs, [batchSize, ...shape], dtype);
  const targets = tf.tidy(() =>
    tf.cast(tf.oneHot(tf.tensor1d(Int32Array.from(batch.targets), 'int32'), CLASSES), 'float32'),
  );
  const optimizer = tf.train.sgd(LEARNING_RATE);
  return {
    async step() {
      const cost = optimizer.minimize(
        () => tf.losses.softmaxCrossEntropy(targets, forward(inputs)),
        true,
        variables,
      );
      const [loss] = await cost!.data();
      cost!.dispose();
      return loss!;
    },
    dispose() {
      optimizer.dispose();
      tf.dispose([inputs, targets, ...variables]);
    },
  };
}
