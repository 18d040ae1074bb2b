import { strategyOf, sumSlices } from '../../shared/aggregate/index.ts';
import { clipUpdate, encodingOf } from '../../shared/compress/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import { protectUpdate } from '../../shared/session/pipeline.ts';
import type { CompiledModel } from '../../shared/training/index.ts';
import { type LocalUpdate, type Model, makeModel, type NoisedUpdate } from '../../shared/update/index.ts';
import type { StudyNoise } from './noise.ts';

/** One round's updates, added up so that none of them can be made out. */
export interface PrivateSum {
  add(update: LocalUpdate): void;
  /** The next model. */
  finish(): Model;
}

interface Setting {
  readonly compiled: CompiledModel;
  readonly federation: Federation;
  readonly noise: StudyNoise;
}

/**
 * What the others are measured against, as textbooks have it (McMahan et al. 2018): floats are clipped and added up, and the
 * server adds Gaussian noise to the sum. Nothing is rotated or rounded.
 */
export function centralSum({ compiled, federation, noise }: Setting, base: Model): PrivateSum {
  const { clipNorm, serverLearningRate } = federation.strategy;
  const { noiseMultiplier } = federation.privacy.participant!;
  const sum = new Float64Array(compiled.layout.length);
  let count = 0;
  return {
    add(update) {
      const { delta } = clipUpdate(update, clipNorm, 1).update;
      for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + delta[i]!;
      count++;
    },
    finish() {
      noise.addGaussian(sum, noiseMultiplier * clipNorm);
      const factor = serverLearningRate / count;
      const weights = base.weights.map((weight, i) => weight + factor * sum[i]!);
      return makeModel(base.version + 1, compiled.layout, weights);
    },
  };
}

/**
 * As a federation does it: each participant clips, rotates, rounds and noises (`protectUpdate`), integers are added up modulo the
 * size of the ring, as the masked sum is once its masks are off, and the sum is applied (`strategyOf`). Masks, which cancel,
 * are left out.
 */
export function gridSum({ compiled, federation, noise }: Setting, base: Model, invited: number): PrivateSum {
  const { layout } = compiled;
  const encoding = encodingOf(federation, layout);
  const facts = { baseHash: base.hash, invited, random: noise.random, noise };
  const bits = encoding.kind === 'grid' ? encoding.bits : 32;
  const updates: NoisedUpdate[] = [];
  return {
    add(update) {
      updates.push(protectUpdate(update, federation, encoding, facts).update);
    },
    finish() {
      const sum = sumSlices(updates);
      wrap(sum.values, bits);
      return strategyOf(federation, layout).apply(base, sum, layout, encoding);
    },
  };
}

/**
 * A server's momentum over rounds (FedAvgM, Hsu, Qi and Brown 2019): it knows no more than what was released.
 * @returns for a round's base and result the model to go on with.
 */
export function momentum({ layout }: CompiledModel, kept: number): (base: Model, result: Model) => Model {
  const velocity = new Float32Array(layout.length);
  return (base, result) => {
    const weights = base.weights.map((weight, i) => {
      velocity[i] = kept * velocity[i]! + result.weights[i]! - weight;
      return weight + velocity[i]!;
    });
    return makeModel(result.version, layout, weights);
  };
}

/** To the representative of each residue modulo 2^bits that is nearest to zero. */
export function wrap(values: Int32Array, bits: number): void {
  const shift = 32 - bits;
  for (let i = 0; i < values.length; i++) values[i] = (values[i]! << shift) >> shift;
}
