import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { check } from '../errors/index.ts';
import type { Layout } from './layout.ts';

/** The shared model at some version: version 0 is the seeded initialization, version r the result of round r. */
export interface Model {
  readonly version: number;
  readonly layoutHash: string;
  readonly weights: Float32Array<ArrayBuffer>;
  /** Hex SHA-256 over the layout hash and the weights as little-endian float32. */
  readonly hash: string;
}

/** @throws `model.layout-mismatch` on a wrong length; `update.non-finite` when a weight is NaN or infinite. */
export function makeModel(version: number, layout: Layout, weights: Float32Array<ArrayBuffer>): Model {
  check(weights.length === layout.length, 'model.layout-mismatch', 'The weights do not fit the model.', {
    expected: `${layout.length} weights`,
    received: String(weights.length),
    remedy: 'Use a model made for this federation.',
  });
  for (let i = 0; i < weights.length; i++) {
    check(Number.isFinite(weights[i]!), 'update.non-finite', `Weight ${i} is not a finite number.`, {
      remedy: 'The training diverged: lower the learning rate.',
    });
  }
  return { version, layoutHash: layout.hash, weights, hash: hashWeights(layout.hash, weights) };
}

/** Every platform that runs browsers or Node is little-endian, so the array's own bytes are the canonical ones. */
export function hashWeights(layoutHash: string, weights: Float32Array): string {
  const bytes = new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength);
  return bytesToHex(sha256.create().update(hexToBytes(layoutHash)).update(bytes).digest());
}

/** The bytes in which a model travels and is stored: its weights as little-endian float32. */
export function modelBytes(model: Model): Uint8Array<ArrayBuffer> {
  return new Uint8Array(model.weights.buffer, model.weights.byteOffset, model.weights.byteLength);
}

/** The inverse of {@link modelBytes}, checked. @throws `model.layout-mismatch`, `model.hash-mismatch`. */
export function modelFromBytes(
  version: number,
  layout: Layout,
  bytes: Uint8Array,
  expectedHash: string,
): Model {
  check(
    bytes.byteLength === layout.length * 4,
    'model.layout-mismatch',
    'The model file has the wrong size.',
    {
      expected: `${layout.length * 4} bytes`,
      received: String(bytes.byteLength),
      remedy: 'Fetch the model again from another participant.',
    },
  );
  const model = makeModel(version, layout, new Float32Array(bytes.slice().buffer));
  check(model.hash === expectedHash, 'model.hash-mismatch', 'The model is not the one that was announced.', {
    expected: expectedHash,
    received: model.hash,
    remedy: 'Fetch the model again from another participant.',
  });
  return model;
}
