import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { check } from '../errors/index.ts';
import type { Layout } from './layout.ts';

/** A float32 for the norm, and a byte that says how many vectors the state has. */
const TAIL_BYTES = 5;
const MOST_SLOTS = 255;

/** The shared model at some version: version 0 is the seeded initialization, version r the result of round r. */
export interface Model {
  readonly version: number;
  readonly layoutHash: string;
  readonly weights: Float32Array<ArrayBuffer>;
  /**
   * What the strategy remembers from round to round: as many vectors of the model's length as it has slots, one after the other.
   * Left out where it remembers nothing, and of version 0. SPEC M-07.
   */
  readonly state?: Float32Array<ArrayBuffer>;
  /**
   * What updates trained from it are clipped to, a float32, where the norm follows them (SPEC N-16); left out elsewhere, and of
   * version 0, which has the norm of the document.
   */
  readonly clipNorm?: number;
  /** Hex SHA-256 over the layout hash and {@link modelBytes}. */
  readonly hash: string;
}

/** What travels of a model, and what its hash covers beside its layout. */
export type ModelContent = Pick<Model, 'weights' | 'state' | 'clipNorm'>;

/**
 * @param clipNorm rounded to float32.
 * @param state k · n numbers, k from 1 to 255; left out, none.
 * @throws `model.layout-mismatch` on a wrong length; `update.non-finite` when a number is NaN or infinite, or the norm is not
 *   above zero.
 */
export function makeModel(
  version: number,
  layout: Layout,
  weights: Float32Array<ArrayBuffer>,
  clipNorm?: number,
  state?: Float32Array<ArrayBuffer>,
): Model {
  check(weights.length === layout.length, 'model.layout-mismatch', 'The weights do not fit the model.', {
    expected: `${layout.length} weights`,
    received: String(weights.length),
    remedy: 'Use a model made for this federation.',
  });
  checkFinite(weights, 'Weight');
  if (state !== undefined) checkState(state, layout.length);
  const rounded = clipNorm === undefined ? undefined : Math.fround(clipNorm);
  check(
    rounded === undefined || (rounded > 0 && Number.isFinite(rounded)),
    'update.non-finite',
    'The clipping norm is not a length.',
    {
      expected: 'a finite number above zero',
      remedy: 'Fetch the model again from another participant.',
    },
  );
  const content = {
    weights,
    ...(state === undefined ? {} : { state }),
    ...(rounded === undefined ? {} : { clipNorm: rounded }),
  };
  return { version, layoutHash: layout.hash, ...content, hash: hashModel(layout.hash, content) };
}

function checkState(state: Float32Array, length: number): void {
  const slots = state.length / length;
  check(
    Number.isInteger(slots) && slots >= 1 && slots <= MOST_SLOTS,
    'model.layout-mismatch',
    'What the strategy remembers does not fit the model.',
    {
      expected: `1 to ${MOST_SLOTS} times ${length} numbers`,
      received: String(state.length),
      remedy: 'Use a model made for this federation.',
    },
  );
  checkFinite(state, 'Number of the strategy');
}

function checkFinite(values: Float32Array, what: string): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i]!)) continue;
    check(false, 'update.non-finite', `${what} ${i} is not a finite number.`, {
      remedy: 'The training diverged: lower the learning rate.',
    });
  }
}

/** Hex, as {@link Model.hash}. */
export function hashModel(layoutHash: string, content: ModelContent): string {
  return bytesToHex(sha256.create().update(hexToBytes(layoutHash)).update(modelBytes(content)).digest());
}

/**
 * The bytes in which a model travels and is stored: its weights as little-endian float32. Where it has a state or a clipping
 * norm, they are followed by the state, the norm as a float32 (0 for none), and a byte that says how many
 * vectors of the model's length the state has. SPEC M-07, N-16.
 */
export function modelBytes({ weights, state, clipNorm }: ModelContent): Uint8Array<ArrayBuffer> {
  const bytes = bytesOf(weights);
  if (state === undefined && clipNorm === undefined) return bytes;
  const stateBytes = state === undefined ? new Uint8Array() : bytesOf(state);
  const end = bytes.byteLength + stateBytes.byteLength;
  const all = new Uint8Array(end + TAIL_BYTES);
  all.set(bytes);
  all.set(stateBytes, bytes.byteLength);
  all.set(bytesOf(Float32Array.of(clipNorm ?? 0)), end);
  all[end + 4] = state === undefined ? 0 : state.length / weights.length;
  return all;
}

/** Every platform that runs browsers or Node is little-endian, so the array's own bytes are the canonical ones. */
function bytesOf(values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** What {@link modelBytes} put together. @returns undefined for what it does not make. */
export function splitModelBytes(bytes: Uint8Array): ModelContent | undefined {
  const hasTail = bytes.byteLength % 4 !== 0;
  const slots = hasTail ? bytes.at(-1)! : 0;
  const length = countWeights(bytes.byteLength, slots);
  if (length === undefined) return undefined;
  // A Buffer's own slice would share memory.
  const { buffer } = new Uint8Array(bytes);
  if (!hasTail) return { weights: new Float32Array(buffer) };
  const end = buffer.byteLength - TAIL_BYTES;
  const clipNorm = new DataView(buffer).getFloat32(end, true);
  // A tail that says nothing would be a second way to write the same model.
  if (slots === 0 && clipNorm === 0) return undefined;
  return {
    weights: new Float32Array(buffer.slice(0, length * 4)),
    ...(slots === 0 ? {} : { state: new Float32Array(buffer.slice(length * 4, end)) }),
    ...(clipNorm === 0 ? {} : { clipNorm }),
  };
}

/**
 * Of a model of so many bytes. @param slots vectors that its state has where it has one; version 0 has none.
 * @returns undefined where none has so many.
 */
export function countWeights(byteLength: number, slots = 0): number | undefined {
  const length = byteLength % 4 === 0 ? byteLength / 4 : (byteLength - TAIL_BYTES) / (4 * (1 + slots));
  return Number.isInteger(length) && length >= 0 ? length : undefined;
}

/** The inverse of {@link modelBytes}, checked. @throws `model.layout-mismatch`, `model.hash-mismatch`. */
export function modelFromBytes(
  version: number,
  layout: Layout,
  bytes: Uint8Array,
  expectedHash: string,
): Model {
  const parts = splitModelBytes(bytes);
  check(parts !== undefined, 'model.layout-mismatch', 'The model file has the wrong size.', {
    expected: `${layout.length * 4} bytes, or with what a strategy remembers so many times more and ${TAIL_BYTES}`,
    received: String(bytes.byteLength),
    remedy: 'Fetch the model again from another participant.',
  });
  const model = makeModel(version, layout, parts.weights, parts.clipNorm, parts.state);
  check(model.hash === expectedHash, 'model.hash-mismatch', 'The model is not the one that was announced.', {
    expected: expectedHash,
    received: model.hash,
    remedy: 'Fetch the model again from another participant.',
  });
  return model;
}
