import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { layoutOf } from './layout.ts';
import { makeModel, modelBytes, modelFromBytes } from './model.ts';

const layout = layoutOf([{ name: 'w', shape: [2] }]);
const model = makeModel(3, layout, Float32Array.of(1, -0.5));

test('M-01: the hash is over the layout hash and the weights as little-endian float32', () => {
  // 1.0 is 3f800000, −0.5 is bf000000.
  const bytes = Buffer.concat([Buffer.from(layout.hash, 'hex'), Buffer.from('0000803f000000bf', 'hex')]);
  expect(model.hash).toBe(createHash('sha256').update(bytes).digest('hex'));
});

test('M-01: the version is not part of it, the layout is', () => {
  expect(makeModel(9, layout, model.weights).hash).toBe(model.hash);
  expect(makeModel(3, layoutOf([{ name: 'v', shape: [2] }]), model.weights).hash).not.toBe(model.hash);
});

test('M-02: bytes come back as the model they were, also out of the middle of a buffer', () => {
  const carried = new Uint8Array(13);
  carried.set(modelBytes(model), 5);
  expect(modelFromBytes(3, layout, carried.subarray(5), model.hash)).toEqual(model);
});

test.each([
  ['too short', new Uint8Array(4), 'model.layout-mismatch'],
  ['of another model', modelBytes(makeModel(3, layout, Float32Array.of(1, 1))), 'model.hash-mismatch'],
  ['not finite', new Uint8Array(Float32Array.of(1, Number.NaN).buffer), 'update.non-finite'],
])('M-02 M-06: bytes that are %s are refused by name', (_, bytes, code) => {
  expect(() => modelFromBytes(3, layout, bytes, model.hash)).toThrow(expect.objectContaining({ code }));
});

test('M-06: weights of another number are refused', () => {
  expect(() => makeModel(0, layout, new Float32Array(3))).toThrow(
    expect.objectContaining({ code: 'model.layout-mismatch' }),
  );
});
