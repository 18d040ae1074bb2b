import { dispose, type Tensor } from '@tensorflow/tfjs-core';
import type { CryptoRandom } from '../random/index.ts';
import { addGaussian } from './ops/gaussian.ts';

/** Adds Gaussian noise to tensors. */
export interface NoiseSource {
  /** Takes the tensors over. @returns them with independent N(0, standardDeviation²) added to every number. */
  addNoise(tensors: readonly Tensor[], standardDeviation: number): Tensor[];
}

const KEY_BYTES = 32;

/** Noise that nobody can predict: each call has a key of its own, which is gone afterwards. */
export function gaussianNoise(random: CryptoRandom): NoiseSource {
  return {
    addNoise(tensors, standardDeviation) {
      let key: Uint8Array<ArrayBuffer> | undefined;
      try {
        key = random.bytes(KEY_BYTES);
        return addGaussian(tensors, key, standardDeviation);
      } catch (error) {
        dispose([...tensors]);
        throw error;
      } finally {
        key?.fill(0);
      }
    },
  };
}
