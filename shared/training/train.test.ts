import { memory } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Examples, sliceExamples } from '../dataset/index.ts';
import { MurmurationError } from '../errors/index.ts';
import { type FederationInput, type TrainingSpec, trainingSchema } from '../federation/index.ts';
import { type CryptoRandom, seededRandom } from '../random/index.ts';
import { type Model, makeModel } from '../update/index.ts';
import { evaluateModel } from './evaluate.ts';
import { type CompiledModel, compileModel } from './model/compile.ts';
import type { TrainProgress } from './port.ts';
import { type ExampleShards, streamedSource } from './source.ts';
import { federationWith, useBackend } from './testing.ts';
import { type LocalTraining, trainLocally } from './train.ts';

const line = compileModel(federationWith([{ type: 'dense', units: 1 }], { kind: 'records', features: 1 }));
const byteLine = compileModel(
  federationWith([{ type: 'flatten' }, { type: 'dense', units: 2 }], {
    kind: 'image',
    width: 1,
    height: 1,
    channels: 1,
    labels: ['dark', 'light'],
  }),
);
const twoClasses: FederationInput['data'] = {
  kind: 'records',
  features: 2,
  target: { name: 'label', type: 'class', labels: ['inside', 'outside'] },
};
const circle = compileModel(
  federationWith(
    [
      { type: 'dense', units: 16, activation: 'tanh' },
      { type: 'dense', units: 2 },
    ],
    twoClasses,
  ),
);

const { signal } = new AbortController();
const spec = (changes: Partial<TrainingSpec> & { learningRate?: number; momentum?: number }): TrainingSpec =>
  trainingSchema.parse({
    batchSize: changes.batchSize ?? 32,
    epochs: changes.epochs ?? 1,
    optimizer: { type: 'sgd', learningRate: changes.learningRate ?? 0.1, momentum: changes.momentum ?? 0 },
  });
const zeros = (compiled: CompiledModel): Model =>
  makeModel(0, compiled.layout, new Float32Array(compiled.layout.length));
/** `count` times the example x = 1, y = 3. */
const points = (count: number): Examples => ({
  count,
  inputs: new Float32Array(count).fill(1),
  targets: new Float32Array(count).fill(3),
});
const lineJob = (changes: Partial<LocalTraining>): LocalTraining => ({
  compiled: line,
  examples: points(1),
  base: zeros(line),
  training: spec({}),
  seed: 'seed',
  signal,
  ...changes,
});

describe.each(['cpu', 'wasm'] as const)('trainLocally on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it('takes a step against the gradient', async () => {
    // y = w·x + b starts at 0; the error is −3, so both gradients are 2 · −3 · 1 = −6.
    const { update, loss } = await trainLocally(lineJob({}));
    expect(rounded(update.delta)).toEqual([0.6, 0.6]);
    expect(update).toMatchObject({ layoutHash: line.layout.hash, examples: 1 });
    expect(loss).toBe(9);
  });

  it('Y-30: says how many steps it took', async () => {
    const training = spec({ batchSize: 4, epochs: 3 });
    expect((await trainLocally(lineJob({ examples: points(10), training }))).steps).toBe(9);
  });

  it('Y-40: measures the base where it is asked to, in memory and from parts, and trains the same', async () => {
    const examples = { ...points(1000), inputs: Float32Array.from({ length: 1000 }, (_, i) => i / 1000) };
    const base = makeModel(0, line.layout, Float32Array.of(3, 0));
    const job = lineJob({ examples, base, training: spec({ batchSize: 500 }) });
    // The mean of (3x − 3)² over x = 0, 0.001, … 0.999 is 9 · Σ (i/1000)² / 1000, i from 1 to 1000.
    const mean = (9 * 1000 * 1001 * 2001) / 6 / 1e9;
    const measured = await trainLocally({ ...job, measuresBase: true });
    expect(measured.baseLoss).toBeCloseTo(mean, 4);
    const { baseLoss, ...plain } = await trainLocally(job);
    expect(baseLoss).toBeUndefined();
    expect(measured).toEqual({ ...plain, baseLoss: measured.baseLoss });
    const ringJob = {
      compiled: circle,
      base: makeModel(0, circle.layout, circle.initialWeights()),
      seed: 'seed',
    };
    const both = [ring(64), streamedSource(shardsOf(ring(64)), 0)].map((each) =>
      trainLocally({ ...ringJob, examples: each, training: spec({}), signal, measuresBase: true }),
    );
    const [held, streamed] = await Promise.all(both);
    expect(streamed!.baseLoss).toBe(held!.baseLoss);
  });

  it('returns new weights minus base weights', async () => {
    const base = makeModel(4, line.layout, Float32Array.of(1, 1)); // error 2 − 3, gradients −2
    expect(rounded((await trainLocally(lineJob({ base }))).update.delta)).toEqual([0.2, 0.2]);
  });

  it('carries momentum from step to step', async () => {
    // Second step: error 0.6 + 0.6 − 3 = −1.8, gradient −3.6, velocity 0.5 · −6 − 3.6 = −6.6.
    const training = spec({ epochs: 2, momentum: 0.5 });
    const { update, loss } = await trainLocally(lineJob({ training }));
    expect(rounded(update.delta)).toEqual([1.26, 1.26]);
    expect(loss).toBeCloseTo(1.8 ** 2, 5);
  });

  it('keeps a last batch that is not full', async () => {
    // Batches of two and of one: steps of −6 and −3.6, as above without momentum; losses 9, 9 and 3.24.
    const reports: TrainProgress[] = [];
    const { update, loss } = await trainLocally(
      lineJob({
        examples: points(3),
        training: spec({ batchSize: 2 }),
        onProgress: (progress) => reports.push(progress),
      }),
    );
    expect(rounded(update.delta)).toEqual([0.96, 0.96]);
    expect(loss).toBeCloseTo((9 + 9 + 3.24) / 3, 5);
    expect(reports.at(-1)).toMatchObject({ batch: 2, batches: 2 });
  });

  it('reads bytes as bytes / 255', async () => {
    const job = (inputs: Examples['inputs']): LocalTraining =>
      lineJob({
        compiled: byteLine,
        base: zeros(byteLine),
        examples: { count: 2, inputs, targets: Uint16Array.of(0, 1) },
      });
    const fromBytes = await trainLocally(job(Uint8Array.of(51, 255)));
    const fromFloats = await trainLocally(job(Float32Array.of(0.2, 1)));
    expect(fromBytes.update.delta).toEqual(fromFloats.update.delta);
    expect(fromBytes.update.delta.some((value) => value !== 0)).toBe(true);
  });

  it('visits examples in an order that the seed fixes', async () => {
    const job = (seed: string) =>
      trainLocally({
        compiled: circle,
        examples: ring(64),
        base: makeModel(0, circle.layout, circle.initialWeights()),
        training: spec({ batchSize: 8 }),
        seed,
        signal,
      });
    const [first, again, other] = [await job('a'), await job('a'), await job('b')];
    expect(again.update.delta).toEqual(first.update.delta);
    expect(other.update.delta).not.toEqual(first.update.delta);
  });

  it('learns to tell the inside of a circle from the outside', async () => {
    const examples = ring(200);
    const base = makeModel(0, circle.layout, circle.initialWeights());
    const { update, loss } = await trainLocally({
      compiled: circle,
      examples,
      base,
      training: spec({ batchSize: 10, epochs: 60, learningRate: 0.1, momentum: 0.9 }),
      seed: 'learn',
      signal,
    });
    const trained = makeModel(
      1,
      circle.layout,
      base.weights.map((weight, i) => weight + update.delta[i]!),
    );
    const counts = await evaluateModel({
      compiled: circle,
      examples: ring(500, 'held out'),
      model: trained,
      signal,
    });
    expect(counts.correct).toBeGreaterThan(485);
    expect(loss).toBeLessThan(0.1);
  }, 30_000);

  it('stops within one step of being cancelled', async () => {
    const controller = new AbortController();
    let steps = 0;
    const cancelled = trainLocally(
      lineJob({
        signal: controller.signal,
        training: spec({ epochs: 1000 }),
        onProgress: () => {
          steps++;
          controller.abort('enough');
        },
      }),
    );
    await expect(cancelled).rejects.toMatchObject({ code: 'training.cancelled', cause: 'enough' });
    expect(steps).toBe(1);
  });

  it('can be cancelled by a message that comes in between', async () => {
    const controller = new AbortController();
    const endless = trainLocally(lineJob({ signal: controller.signal, training: spec({ epochs: 1000 }) }));
    setTimeout(() => controller.abort());
    await expect(endless).rejects.toMatchObject({ code: 'training.cancelled' });
  });

  const nan = Number.NaN;
  const refused: [string, string, Partial<LocalTraining>][] = [
    ['no examples', 'data.empty', { examples: points(0) }],
    ['too few examples', 'data.too-small', { minimumExamples: 2 }],
    [
      'inputs of another size',
      'data.wrong-shape',
      { examples: { ...points(1), inputs: Float32Array.of(1, 1) } },
    ],
    ['too few targets', 'data.wrong-shape', { examples: { ...points(2), targets: Float32Array.of(3) } }],
    [
      'an input that is no number',
      'data.invalid-value',
      { examples: { ...points(1), inputs: Float32Array.of(nan) } },
    ],
    [
      'a target that is no number',
      'data.invalid-value',
      { examples: { ...points(1), targets: Float32Array.of(nan) } },
    ],
    [
      'a label never seen',
      'data.unknown-label',
      {
        compiled: byteLine,
        base: zeros(byteLine),
        examples: { count: 1, inputs: Uint8Array.of(1), targets: Uint16Array.of(2) },
      },
    ],
    ['a model of another layout', 'model.layout-mismatch', { base: zeros(byteLine) }],
    [
      'a loss that grows without bound',
      'training.diverged',
      { training: spec({ epochs: 200, learningRate: 50 }) },
    ],
    [
      'an update that is not finite',
      'training.diverged',
      {
        examples: { count: 1, inputs: Float32Array.of(1.5e18), targets: Float32Array.of(0) },
        base: makeModel(0, line.layout, Float32Array.of(1, 0)),
        training: spec({ learningRate: 100 }),
      },
    ],
    ['a signal already aborted', 'training.cancelled', { signal: AbortSignal.abort() }],
  ];
  it.each(refused)('refuses %s: %s', async (_, code, changes) => {
    const before = memory();
    await expect(trainLocally(lineJob(changes))).rejects.toMatchObject({ code });
    expect(memory()).toEqual(before);
  });

  it('refuses a batch that no browser could hold', async () => {
    const wide = compileModel(
      federationWith(
        [
          { type: 'conv2d', filters: 512, kernelSize: 1 },
          { type: 'maxPool2d', poolSize: 16 },
          { type: 'flatten' },
          { type: 'dense', units: 2 },
        ],
        {
          kind: 'image',
          width: 64,
          height: 64,
          channels: 1,
          labels: ['a', 'b'],
        },
      ),
    );
    const examples = { count: 129, inputs: new Uint8Array(129 * 4096), targets: new Uint16Array(129) };
    const job = lineJob({ compiled: wide, base: zeros(wide), examples, training: spec({ batchSize: 129 }) });
    await expect(trainLocally(job)).rejects.toMatchObject({
      code: 'model.invalid',
      facts: { path: 'training.batchSize', expected: 'at most 128 for this model' },
    });
  });

  it.each([0, 300])('trains the same update from shards, keeping %s bytes', async (keptBytes) => {
    const examples = ring(64);
    const job = {
      compiled: circle,
      base: makeModel(0, circle.layout, circle.initialWeights()),
      training: spec({ batchSize: 10, epochs: 3 }),
      seed: 'order',
      signal,
    };
    const streamed = streamedSource(shardsOf(examples), keptBytes);
    expect(await trainLocally({ ...job, examples: streamed })).toEqual(
      await trainLocally({ ...job, examples }),
    );
  });

  it('finds what is wrong in a shard when it is read, and says where', async () => {
    const examples = ring(64);
    examples.inputs[2 * 41 + 1] = Number.NaN;
    const before = memory();
    const job = {
      compiled: circle,
      examples: streamedSource(shardsOf(examples), 0),
      base: makeModel(0, circle.layout, circle.initialWeights()),
      training: spec({ batchSize: 10 }),
      seed: 'order',
      signal,
    };
    await expect(trainLocally(job)).rejects.toMatchObject({
      code: 'data.invalid-value',
      facts: { path: 'example 41, number 1' },
    });
    expect(memory()).toEqual(before);
  });

  it('ends by name when the data set is deleted meanwhile', async () => {
    let batches = 0;
    const checkPresent = async () => {
      if (batches++ === 3) throw new MurmurationError('data.unreadable', 'The data set was deleted.');
    };
    const before = memory();
    const job = {
      compiled: circle,
      examples: streamedSource({ ...shardsOf(ring(64)), checkPresent }, 1e6),
      base: makeModel(0, circle.layout, circle.initialWeights()),
      training: spec({ batchSize: 10 }),
      seed: 'order',
      signal,
    };
    await expect(trainLocally(job)).rejects.toMatchObject({ code: 'data.unreadable' });
    expect(memory()).toEqual(before);
  });

  it('changes images while training, the same way for the same seed', async () => {
    const train = async (augmentation: object) => {
      const training = { ...spec({ epochs: 4 }), augmentation: augmentationOf(augmentation) };
      const examples = { count: 2, inputs: Uint8Array.of(51, 255), targets: Uint16Array.of(0, 1) };
      return (await trainLocally(lineJob({ compiled: byteLine, base: zeros(byteLine), examples, training })))
        .update.delta;
    };
    const plain = await train({});
    const shifted = await train({ shift: 1 });
    expect(shifted).not.toEqual(plain);
    expect(await train({ shift: 1 })).toEqual(shifted);
    // One pixel is the same from left to right as from right to left.
    expect(await train({ flipHorizontally: true })).toEqual(plain);
  });

  it('reports what a private round spends', async () => {
    // Of 8 examples 2 are expected in a batch, and 3 passes over the data take 12 batches.
    const { update } = await trainLocally(
      lineJob({
        examples: points(8),
        training: spec({ batchSize: 2, epochs: 3 }),
        privacy: privacyWith('coins', { clipNorm: 2, noiseMultiplier: 0.5 }),
      }),
    );
    expect(update).toMatchObject({
      examples: 8,
      recordNoise: { noiseMultiplier: 0.5, clipNorm: 2, sampling: 'poisson', samplingRate: 0.25, steps: 12 },
    });
  });

  it('draws the batches of a private round in secret: the seed does not decide them', async () => {
    const job = async (seed: string, secret: string) =>
      (
        await trainLocally({
          compiled: circle,
          examples: ring(64),
          base: makeModel(0, circle.layout, circle.initialWeights()),
          training: spec({ batchSize: 8 }),
          seed,
          signal,
          // Noise of a millionth of a gradient: what differs by more is left to the order of examples.
          privacy: privacyWith(secret, { clipNorm: 1, noiseMultiplier: 1e-6 }),
        })
      ).update.delta;
    const first = await job('seed', 'secret');
    expect(await job('another seed', 'secret')).toEqual(first);
    const other = await job('seed', 'another secret');
    expect(Math.max(...other.map((x, i) => Math.abs(x - first[i]!)))).toBeGreaterThan(1e-4);
  });

  it('D-02: with record-level privacy, takes nothing from the seed', async () => {
    const compiled = compileModel(
      federationWith(
        [
          { type: 'dropout', rate: 0.5 },
          { type: 'dense', units: 2 },
        ],
        twoClasses,
      ),
    );
    const record = { clipNorm: 1, noiseMultiplier: 1, sampling: 'poisson' } as const;
    const train = async (seed: string, secret: string) => {
      const coins = seededRandom(secret);
      const random: CryptoRandom = {
        kind: 'crypto',
        bytes: (length) => Uint8Array.from({ length }, () => coins.below(256)),
      };
      const base = zeros(compiled);
      const { update } = await trainLocally(
        lineJob({
          compiled,
          base,
          examples: ring(40),
          training: spec({ batchSize: 8 }),
          seed,
          privacy: { record, random },
        }),
      );
      return update;
    };
    const first = await train('a', 'secret');
    expect(first.recordNoise).toEqual({ ...record, samplingRate: 0.2, steps: 5 });
    expect((await train('b', 'secret')).delta).toEqual(first.delta);
    expect((await train('a', 'another')).delta).not.toEqual(first.delta);
  });

  it('leaves no tensor behind', async () => {
    const before = memory();
    await trainLocally(
      lineJob({ examples: points(5), training: spec({ epochs: 3, batchSize: 2, momentum: 0.9 }) }),
    );
    expect(memory()).toEqual(before);
  });

  it('leaves no tensor behind when a progress callback throws', async () => {
    const before = memory();
    const onProgress = () => {
      throw new RangeError('a fault of the page');
    };
    await expect(trainLocally(lineJob({ onProgress }))).rejects.toThrow(RangeError);
    expect(memory()).toEqual(before);
  });
});

const augmentationOf = (augmentation: object) => trainingSchema.parse({ augmentation }).augmentation;

/** In parts of ten. */
function shardsOf(examples: Examples): ExampleShards {
  const counts = Array.from({ length: Math.ceil(examples.count / 10) }, (_, i) =>
    Math.min(10, examples.count - 10 * i),
  );
  return {
    format: { size: 2, inputs: 'float32', targets: 'uint16' },
    counts,
    checkPresent: async () => undefined,
    read: async (shard, start, end) => sliceExamples(examples, 10 * shard + start, 10 * shard + end),
  };
}

/** Points of the unit square around the origin; class 0 within radius 0.6, class 1 beyond 0.8, none between. */
function ring(count: number, seed = 'ring'): Examples {
  const random = seededRandom(seed);
  const inputs = new Float32Array(count * 2);
  const targets = new Uint16Array(count);
  for (let i = 0; i < count; ) {
    const [x, y] = [2 * random.uniform() - 1, 2 * random.uniform() - 1];
    const radius = Math.hypot(x, y);
    if (radius > 0.6 && radius < 0.8) continue;
    inputs.set([x, y], i * 2);
    targets[i++] = radius < 0.7 ? 0 : 1;
  }
  return { count, inputs, targets };
}

/** Coins and noise that a test can repeat. */
function privacyWith(
  secret: string,
  record: { readonly clipNorm: number; readonly noiseMultiplier: number },
): NonNullable<LocalTraining['privacy']> {
  const random = seededRandom(secret);
  const bytes = (length: number) => Uint8Array.from({ length }, () => random.below(256));
  return { record: { ...record, sampling: 'poisson' }, random: { kind: 'crypto', bytes } };
}

function rounded(values: Float32Array): number[] {
  return [...values].map((value) => Math.round(value * 1e5) / 1e5);
}
