import { seededRandom, webCryptoRandom } from '../../shared/random/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { gaussianNoise } from '../../shared/training/noise.ts';
import { createStepper } from '../../shared/training/stepper.ts';
import { syntheticBatch } from './batch.ts';
import { jobTimer, type Trainee } from './jobs.ts';
import { benchmarkFederation, LEARNING_RATE } from './models.ts';
import { measureProducts } from './products.ts';
import type { Side, StepJob } from './side.ts';

/** The engine of this project. @param start as {@link Side.start}: which backend, and how it is loaded, is the host's. */
export function ourSide(start: Side['start']): Side {
  return {
    start,
    ...jobTimer(trainee),
    products: async (products, repeats) => measureProducts(products, repeats),
  };
}

async function trainee({ model, batchSize, isPrivate, weights }: StepJob): Promise<Trainee> {
  const federation = benchmarkFederation(model, batchSize, isPrivate);
  const { record } = federation.privacy;
  const examples = syntheticBatch(federation, batchSize);
  const indices = Uint32Array.from({ length: batchSize }, (_, i) => i);
  const stepper = createStepper({
    compiled: compileModel(federation),
    training: federation.training,
    learningRate: LEARNING_RATE,
    base: weights,
    random: seededRandom('training benchmark'),
    ...(record === undefined
      ? {}
      : {
          privacy: {
            record,
            expectedBatch: batchSize,
            noise: gaussianNoise(webCryptoRandom(crypto)),
            microBatch: batchSize,
          },
        }),
  });
  return {
    step: () => stepper.step(examples, indices),
    dispose: () => stepper.dispose(),
  };
}
