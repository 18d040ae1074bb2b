import { memory } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Examples } from '../dataset/examples.ts';
import { trainingSchema } from '../federation/index.ts';
import { seededRandom } from '../random/index.ts';
import { keptGain } from './frozen.ts';
import { compileModel } from './model/compile.ts';
import type { NoiseSource } from './noise.ts';
import { createStepper, type StepperOptions } from './stepper.ts';
import { federationWith, useBackend } from './testing.ts';

/** y = w·x + b, of which the weight comes first. */
const line = compileModel(federationWith([{ type: 'dense', units: 1 }], { kind: 'records', features: 1 }));
const point: Examples = { count: 1, inputs: Float32Array.of(1), targets: Float32Array.of(3) };
/** Gives gradients back as they are. */
const silent: NoiseSource = { addNoise: (tensors) => [...tensors] };
const sgd = { type: 'sgd', learningRate: 0.1 } as const;

async function trained(options: Partial<StepperOptions>, steps: number): Promise<Float32Array> {
  const stepper = createStepper({
    compiled: line,
    training: trainingSchema.parse({ optimizer: sgd }),
    learningRate: 0.1,
    base: Float32Array.of(0.5, 0),
    random: seededRandom('frozen'),
    ...options,
  });
  try {
    for (let i = 0; i < steps; i++) await stepper.step(point, [0]);
    return await stepper.weights();
  } finally {
    stepper.dispose();
  }
}

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  test('Z-03: the other moves as if it were alone, by steps twice as long', async () => {
    // Gradients are 2·(0.5 + b − 3): −5, then −3.
    const [weight, bias] = await trained({ kept: Uint32Array.of(1) }, 2);
    expect(weight).toBe(0.5);
    expect(bias).toBeCloseTo(1.6, 6);
  });

  test.each([
    ['momentum and decay', { ...sgd, momentum: 0.9, nesterov: true, weightDecay: 0.1 }],
    ['adam', { type: 'adam', learningRate: 0.1 }],
    ['adamw', { type: 'adamw', learningRate: 0.1, weightDecay: 0.1 }],
  ])('Z-03: %s moves nothing that is not kept', async (_, optimizer) => {
    const training = trainingSchema.parse({ optimizer, proximal: 0.5 });
    const [weight, bias] = await trained({ training, kept: Uint32Array.of(1) }, 3);
    expect(weight).toBe(0.5);
    expect(bias).not.toBe(0);
  });

  test('Z-03: nor does noise of record-level privacy', async () => {
    const privacy = {
      record: { clipNorm: 1, noiseMultiplier: 1, sampling: 'poisson' as const },
      expectedBatch: 1,
      microBatch: 8,
      noise: silent,
    };
    // (−5, −5), clipped to a norm of 1, whatever is kept.
    const [weight, bias] = await trained({ privacy, kept: Uint32Array.of(1) }, 1);
    expect(weight).toBe(0.5);
    expect(bias).toBeCloseTo(0.1 * Math.SQRT1_2, 6);
  });

  test('with all kept nothing is different, with none nothing moves, and no tensor is left', async () => {
    const before = memory().numTensors;
    expect(await trained({ kept: Uint32Array.of(0, 1) }, 3)).toEqual(await trained({}, 3));
    expect(await trained({ kept: new Uint32Array() }, 3)).toEqual(Float32Array.of(0.5, 0));
    expect(memory().numTensors).toBe(before);
  });

  test.each([[[2]], [[1, 0]], [[0, 0]]])('coordinates %j are refused', (kept) => {
    expect(() =>
      createStepper({
        compiled: line,
        training: trainingSchema.parse({ optimizer: sgd }),
        learningRate: 0.1,
        base: Float32Array.of(0.5, 0),
        random: seededRandom('frozen'),
        kept: Uint32Array.from(kept),
      }),
    ).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  });
});

test('Z-03: steps are as many times longer as there are coordinates for each that is kept, 10 at most', () => {
  expect([keptGain(50, 100), keptGain(100, 100), keptGain(1, 100), keptGain(0, 100)]).toEqual([2, 1, 10, 1]);
});
