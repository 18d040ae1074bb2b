import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { layoutOf } from './layout.ts';
import { countWeights, makeModel, modelBytes, modelFromBytes, splitModelBytes } from './model.ts';

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

test('M-01: the hash of a model without a clipping norm is what it was before there were any', () => {
  const known = makeModel(0, layoutOf([{ name: 'w', shape: [2] }]), Float32Array.of(1, -0.5));
  expect(known.hash).toBe('d632205e58dbc73a265920f2068bdf7b605d9f25ab718aaca585f423e29b44f3');
  expect('clipNorm' in known).toBe(false);
});

describe('N-16: a clipping norm is part of the model', () => {
  const adapted = makeModel(3, layout, model.weights, 0.1);

  test('its float32 and a zero follow the weights, under the hash', () => {
    // 0.1 as a float32 is 3dcccccd.
    expect(Buffer.from(modelBytes(adapted)).toString('hex')).toBe('0000803f000000bf' + 'cdcccc3d' + '00');
    const bytes = Buffer.concat([Buffer.from(layout.hash, 'hex'), modelBytes(adapted)]);
    expect(adapted.hash).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(adapted.clipNorm).toBe(Math.fround(0.1));
  });

  test('with another norm or none it is another model', () => {
    const hashes = [model, adapted, makeModel(3, layout, model.weights, 0.2)].map(({ hash }) => hash);
    expect(new Set(hashes).size).toBe(3);
  });

  test('bytes come back as the model they were, also out of the middle of a buffer', () => {
    const carried = new Uint8Array(16);
    carried.set(modelBytes(adapted), 3);
    expect(modelFromBytes(3, layout, carried.subarray(3), adapted.hash)).toEqual(adapted);
    expect(splitModelBytes(carried.subarray(3))).toEqual({
      weights: adapted.weights,
      clipNorm: adapted.clipNorm,
    });
  });

  test('bytes out of a pooled Buffer do as well', () => {
    const pooled = Buffer.from(modelBytes(adapted));
    expect(pooled.buffer.byteLength).toBeGreaterThan(13);
    expect(modelFromBytes(3, layout, pooled, adapted.hash)).toEqual(adapted);
    expect(modelFromBytes(3, layout, pooled.subarray(0, 8), model.hash)).toEqual(model);
  });

  test('the length of what is stored says how many weights there are', () => {
    expect([8, 13, 0, 5, 4, 1, 6].map((bytes) => countWeights(bytes))).toEqual([
      2,
      2,
      0,
      0,
      1,
      undefined,
      undefined,
    ]);
  });

  test.each([
    ['whose norm was taken off', modelBytes(model), 'model.hash-mismatch'],
    ['of another norm', modelBytes(makeModel(3, layout, model.weights, 0.2)), 'model.hash-mismatch'],
    [
      'without a zero at the end',
      Uint8Array.of(...modelBytes(adapted).subarray(0, 12), 1),
      'model.layout-mismatch',
    ],
    ['cut short', modelBytes(adapted).subarray(0, 11), 'model.layout-mismatch'],
    ['with too few weights', modelBytes(adapted).subarray(4), 'model.layout-mismatch'],
  ])('bytes %s are refused by name', (_, bytes, code) => {
    expect(() => modelFromBytes(3, layout, bytes, adapted.hash)).toThrow(expect.objectContaining({ code }));
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e39])('a norm of %s is refused', (norm) => {
    expect(() => makeModel(3, layout, model.weights, norm)).toThrow(
      expect.objectContaining({ code: 'update.non-finite' }),
    );
  });
});

describe('M-07: what a strategy remembers is part of the model', () => {
  const state = Float32Array.of(2, -2, 0.25, 0);
  const remembering = makeModel(3, layout, model.weights, undefined, state);
  const both = makeModel(3, layout, model.weights, 0.1, state);

  test('its vectors, the norm or zero, and how many they are follow the weights, under the hash', () => {
    const [weights, vectors] = ['0000803f000000bf', '00000040000000c00000803e00000000'];
    expect(Buffer.from(modelBytes(remembering)).toString('hex')).toBe(`${weights}${vectors}0000000002`);
    expect(Buffer.from(modelBytes(both)).toString('hex')).toBe(`${weights}${vectors}cdcccc3d02`);
    const bytes = Buffer.concat([Buffer.from(layout.hash, 'hex'), modelBytes(both)]);
    expect(both.hash).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('with other memories or none it is another model', () => {
    const others = [state.slice(0, 2), state.map((value) => value + 1), undefined].map((each) =>
      makeModel(3, layout, model.weights, undefined, each),
    );
    expect(new Set([remembering, both, ...others].map(({ hash }) => hash)).size).toBe(5);
    expect(others[2]).toEqual(model);
  });

  test('bytes come back as the model they were, also out of the middle of a buffer', () => {
    for (const each of [remembering, both]) {
      const bytes = modelBytes(each);
      const carried = Buffer.concat([Buffer.alloc(3), bytes]);
      expect(modelFromBytes(3, layout, carried.subarray(3), each.hash)).toEqual(each);
      expect(countWeights(bytes.byteLength, 2)).toBe(2);
    }
  });

  const bytes = modelBytes(remembering);
  test.each([
    ['with another k', Uint8Array.of(...bytes.subarray(0, -1), 1), 'model.layout-mismatch'],
    ['with a k of zero', Uint8Array.of(...bytes.subarray(0, -1), 0), 'model.layout-mismatch'],
    [
      'without the last vector',
      modelBytes({ ...remembering, state: state.slice(0, 2) }),
      'model.hash-mismatch',
    ],
    ['with other memories', modelBytes({ ...remembering, state: state.map(() => 1) }), 'model.hash-mismatch'],
    ['cut short', bytes.subarray(0, -1), 'model.layout-mismatch'],
    [
      'cut in its memories',
      Uint8Array.of(...bytes.subarray(0, 20), ...bytes.subarray(24)),
      'model.layout-mismatch',
    ],
    [
      'with a tail that says nothing',
      Uint8Array.of(...modelBytes(model), 0, 0, 0, 0, 0),
      'model.layout-mismatch',
    ],
  ])('bytes %s are refused by name', (_, bad, code) => {
    expect(() => modelFromBytes(3, layout, bad, remembering.hash)).toThrow(expect.objectContaining({ code }));
  });

  test.each([
    ['of no vectors', new Float32Array(), 'model.layout-mismatch'],
    ['of one and a half', new Float32Array(3), 'model.layout-mismatch'],
    ['of more than a byte counts', new Float32Array(512), 'model.layout-mismatch'],
    ['that is not finite', Float32Array.of(0, Number.NaN), 'update.non-finite'],
  ])('a state %s is refused', (_, bad, code) => {
    expect(() => makeModel(3, layout, model.weights, undefined, bad)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

test('M-06: weights of another number are refused', () => {
  expect(() => makeModel(0, layout, new Float32Array(3))).toThrow(
    expect.objectContaining({ code: 'model.layout-mismatch' }),
  );
});
