import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../random/index.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';
import type { NamedTensor } from './tensor.ts';

const text = (value: string) => new TextEncoder().encode(value);

/** A file of this header and data, spelled out by hand. */
function file(header: string, data: readonly number[] = [], headerBytes?: bigint): Uint8Array {
  const json = text(header);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, headerBytes ?? BigInt(json.length), true);
  const bytes = new Uint8Array(8 + json.length + data.length);
  bytes.set(length);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const code = (expected: string) => expect.objectContaining({ code: expected });

test('a tiny model, byte by byte', () => {
  const tensors: NamedTensor[] = [
    { name: 'w', shape: [1, 2], data: Float32Array.of(1, -2) },
    { name: 'b', shape: [1], data: Float32Array.of(0.5) },
  ];
  const header =
    '{"__metadata__":{"by":"hand"},' +
    '"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},' +
    '"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}';
  expect(header.length).toBe(139);
  const expected = Uint8Array.of(
    ...[144, 0, 0, 0, 0, 0, 0, 0],
    ...text(header),
    ...[0x20, 0x20, 0x20, 0x20, 0x20],
    ...[0x00, 0x00, 0x80, 0x3f],
    ...[0x00, 0x00, 0x00, 0xc0],
    ...[0x00, 0x00, 0x00, 0x3f],
  );
  expect(writeSafetensors(tensors, new Map([['by', 'hand']]))).toEqual(expected);
  const read = readSafetensors(expected);
  expect(read.tensors).toEqual(tensors.map((tensor) => ({ ...tensor, dtype: 'F32' })));
  expect([...read.metadata]).toEqual([['by', 'hand']]);
});

test('every finite float32 comes back bit for bit', () => {
  const random = seededRandom('bits');
  const words = Uint32Array.from({ length: 10_000 }, () => random.below(2 ** 32)).filter(
    (word) => (word & 0x7f800000) !== 0x7f800000,
  );
  // Minus zero, the smallest and largest numbers of each kind.
  words.set([0x80000000, 1, 0x007fffff, 0x00800000, 0x7f7fffff]);
  const data = new Float32Array(words.buffer);
  const [tensor] = readSafetensors(writeSafetensors([{ name: 'x', shape: [data.length], data }])).tensors;
  expect(new Uint32Array(tensor!.data.buffer)).toEqual(words);
});

test('scalars and tensors of nothing have their place', () => {
  const tensors: NamedTensor[] = [
    { name: 'scalar', shape: [], data: Float32Array.of(7) },
    { name: 'nothing', shape: [3, 0], data: new Float32Array(0) },
  ];
  const read = readSafetensors(writeSafetensors(tensors)).tensors;
  expect(read.map(({ name, shape, data }) => ({ name, shape, data }))).toEqual(tensors);
  expect(readSafetensors(file('{}')).tensors).toEqual([]);
});

test('other widths are converted, and say what they were', () => {
  const header =
    '{"half":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},' +
    '"brain":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]},' +
    '"double":{"dtype":"F64","shape":[1],"data_offsets":[12,20]}}';
  const data = [
    // 1, −2, the smallest half above zero, 65504
    ...[0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b],
    // 1, −0.5
    ...[0x80, 0x3f, 0x00, 0xbf],
    // 0.1 in double precision
    ...[0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f],
  ];
  expect(readSafetensors(file(header, data)).tensors.map(({ dtype, data }) => [dtype, ...data])).toEqual([
    ['F16', 1, -2, 2 ** -24, 65504],
    ['BF16', 1, -0.5],
    ['F64', Math.fround(0.1)],
  ]);
});

describe('numbers that are not finite', () => {
  test.each([NaN, Infinity, -Infinity])('%d is not written', (value) => {
    expect(() => writeSafetensors([{ name: 'x', shape: [2], data: Float32Array.of(0, value) }])).toThrow(
      expect.objectContaining({ code: 'model.invalid', facts: expect.objectContaining({ path: 'x[1]' }) }),
    );
  });

  test.each([
    ['NaN', 'F32', [0x01, 0x00, 0xc0, 0x7f]],
    ['infinity', 'F32', [0x00, 0x00, 0x80, 0x7f]],
    ['a half NaN', 'F16', [0x01, 0x7c]],
    ['a half infinity', 'F16', [0x00, 0xfc]],
    ['a double too large for float32', 'F64', [0, 0, 0, 0, 0, 0, 0xf0, 0x7e]],
  ])('%s is not read', (_, dtype, bytes) => {
    const header = `{"x":{"dtype":"${dtype}","shape":[1],"data_offsets":[0,${bytes.length}]}}`;
    expect(() => readSafetensors(file(header, bytes))).toThrow(code('model.invalid'));
  });
});

test('what cannot be written is refused', () => {
  const tensor: NamedTensor = { name: 'x', shape: [2], data: new Float32Array(2) };
  expect(() => writeSafetensors([tensor, tensor])).toThrow(code('model.corrupt'));
  expect(() => writeSafetensors([{ ...tensor, shape: [3] }])).toThrow(code('model.corrupt'));
});

describe('hostile files end in a named error', () => {
  const entry = (offsets: string, shape = '[1]', dtype = 'F32') =>
    `{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}`;
  const x = entry('[0,4]');
  const four = [0, 0, 0, 0];
  const cases: [name: string, bytes: Uint8Array][] = [
    ['nothing', new Uint8Array(0)],
    ['less than a length', new Uint8Array(7)],
    ['a header longer than the file', file(`{"x":${x}}`, four, 1000n)],
    ['a header of 2^63 bytes', file(`{"x":${x}}`, four, 2n ** 63n)],
    ['a header of zero bytes', file(`{"x":${x}}`, four, 0n)],
    ['a header over the limit', file(`{${' '.repeat(10_000_001)}}`)],
    ['a header that does not begin with a brace', file(` {"x":${x}}`, four)],
    ['a header that is no JSON', file('{"x":', four)],
    ['a header that is a list', file('[]')],
    ['bytes that are no UTF-8', (() => file(`{"x":${x}}`, four).with(10, 0xff))()],
    ['a tensor that is a number', file('{"x":4}')],
    ['a tensor that is null', file('{"x":null}')],
    ['no shape', file('{"x":{"dtype":"F32","data_offsets":[0,4]}}', four)],
    ['a shape of text', file(`{"x":${entry('[0,4]', '["1"]')}}`, four)],
    ['a negative size', file(`{"x":${entry('[0,4]', '[-1]')}}`, four)],
    ['a fraction of a size', file(`{"x":${entry('[0,4]', '[1.5]')}}`, four)],
    ['a shape that overflows', file(`{"x":${entry('[0,4]', '[4294967296,4294967296]')}}`, four)],
    ['too few bytes for the shape', file(`{"x":${entry('[0,4]', '[2]')}}`, four)],
    ['offsets the wrong way round', file(`{"x":${entry('[4,0]')}}`, four)],
    ['one offset', file(`{"x":${entry('[4]')}}`, four)],
    ['offsets of text', file(`{"x":${entry('["0","4"]')}}`, four)],
    ['offsets beyond the file', file(`{"x":${x}}`, [0, 0])],
    ['bytes after the last tensor', file(`{"x":${x}}`, [...four, 0])],
    ['a hole', file(`{"x":${x},"y":${entry('[8,12]')}}`, [...four, ...four, ...four])],
    ['a hole at the start', file(`{"x":${entry('[4,8]')}}`, [...four, ...four])],
    ['an overlap', file(`{"x":${x},"y":${entry('[2,6]')}}`, [...four, 0, 0])],
    ['two tensors in one place', file(`{"x":${x},"y":${x}}`, four)],
    ['a name twice', file(`{"x":${x},"x":${x}}`, four)],
    ['a name twice, once escaped', file(`{"x":${x},"\\u0078":${x}}`, four)],
    [
      'a key twice in a tensor',
      file('{"x":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', four),
    ],
    [
      'a key that is not of the format',
      file('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"y":1}}', four),
    ],
    ['__proto__ as a tensor', file(`{"__proto__":${x}}`, four)],
    [
      '__proto__ in a tensor',
      file(`{"x":{"__proto__":{},"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, four),
    ],
    ['__proto__ in the metadata', file('{"__metadata__":{"__proto__":"x"}}')],
    ['metadata that is a list', file('{"__metadata__":[]}')],
    ['metadata that is not text', file('{"__metadata__":{"x":1}}')],
    ['ten thousand brackets', file(`{"x":${'['.repeat(10_000)}`)],
  ];
  test.each(cases)('%s', (_, bytes) => {
    expect(() => readSafetensors(bytes)).toThrow(code('model.corrupt'));
  });

  test('names of inherited properties are names like any other', () => {
    const header = `{"constructor":${x},"toString":${entry('[4,8]')}}`;
    const read = readSafetensors(file(header, [...four, ...four]));
    expect(read.tensors.map(({ name }) => name)).toEqual(['constructor', 'toString']);
    expect(() => readSafetensors(file(`{"x":${entry('[0,4]', '[1]', 'toString')}}`, four))).toThrow(
      code('model.unsupported'),
    );
  });

  test('a file cut off anywhere', () => {
    const whole = writeSafetensors([{ name: 'x', shape: [2], data: Float32Array.of(1, 2) }]);
    for (let length = 0; length < whole.length; length++)
      expect(() => readSafetensors(whole.slice(0, length))).toThrow(code('model.corrupt'));
  });

  test('any byte of the header changed: an error of ours, or a file of ours', () => {
    const whole = writeSafetensors([{ name: 'x', shape: [2], data: Float32Array.of(1, 2) }]);
    const random = seededRandom('damage');
    for (let i = 0; i < 2000; i++) {
      const damaged = whole.with(random.below(whole.length - 8), random.below(256));
      try {
        expect(readSafetensors(damaged).tensors).toHaveLength(1);
      } catch (error) {
        expect(error).toMatchObject({
          code: expect.stringMatching(/^model\.(corrupt|unsupported|invalid)$/),
        });
      }
    }
  });
});

test('integers are refused by name', () => {
  const header = '{"x":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}';
  expect(() => readSafetensors(file(header, [0]))).toThrow(
    expect.objectContaining({
      code: 'model.unsupported',
      facts: expect.objectContaining({ path: 'x.dtype' }),
    }),
  );
});
