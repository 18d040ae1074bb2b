import { check } from '../../errors/index.ts';
import { fromBfloat16, fromFloat16, fromFloat64 } from './float.ts';
import { asArray, asObject, asShape, asText, kindOf, parseJson, sizeOf } from './json.ts';
import { checkFinite, checkTensors, type NamedTensor } from './tensor.ts';

/**
 * The safetensors format (https://github.com/huggingface/safetensors): the length of the header as 8 little-endian
 * bytes, the header as JSON, then the data of all tensors without a gap. Platforms that run this are little-endian.
 */
const BYTES = { F32: 4, F16: 2, BF16: 2, F64: 8 } as const;
type Dtype = keyof typeof BYTES;
const LENGTH_BYTES = 8;
/** A header takes about 150 bytes per tensor: room for 60,000 of them. */
const MAX_HEADER_BYTES = 10_000_000;
const METADATA = '__metadata__';
const DAMAGED = 'The safetensors file is damaged.';

export interface SafetensorsFile {
  readonly tensors: readonly (NamedTensor & { readonly dtype: Dtype })[];
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * @returns the file, its tensors in the order given, as F32.
 * @throws `model.invalid` when a value is not finite; `model.corrupt` on a repeated name or a wrong number of values.
 */
export function writeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array<ArrayBuffer> {
  checkTensors(tensors);
  let end = 0;
  const entries = tensors.map(({ name, shape, data }): [string, unknown] => {
    checkFinite(name, data);
    const start = end;
    end += data.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
  });
  if (metadata.size > 0) entries.unshift([METADATA, Object.fromEntries(metadata)]);
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  // Spaces after the header, so that the data begins at a multiple of eight and can be read in place.
  const headerBytes = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(json, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return file;
}

/**
 * Reads F32 bit for bit; F16 and BF16 (exactly) and F64 (to the nearest) as float32, each tensor saying what it was.
 * @throws `model.corrupt` when the bytes are not what the format asks for; `model.unsupported` on another type of
 * number; `model.invalid` when a value is not finite.
 */
export function readSafetensors(file: Uint8Array): SafetensorsFile {
  const headerBytes = headerLength(file);
  const end = LENGTH_BYTES + headerBytes;
  const header = asObject(parseJson(file.subarray(LENGTH_BYTES, end), 'The header'), 'header');
  const { [METADATA]: metadata = {}, ...infos } = header;
  const tensors = Object.entries(infos).map(([name, info]) => ({ name, ...tensorInfo(name, info) }));
  checkCoverage(tensors, file.length - end);
  return {
    tensors: tensors.map(({ name, dtype, shape, start, stop }) => {
      const data = decode(dtype, file.slice(end + start, end + stop).buffer as ArrayBuffer);
      checkFinite(name, data);
      return { name, dtype, shape, data };
    }),
    metadata: new Map(
      Object.entries(asObject(metadata, METADATA)).map(([key, value]) => [
        key,
        asText(value, `${METADATA}.${key.slice(0, 80)}`),
      ]),
    ),
  };
}

/** Whether a file begins like one. */
export function looksLikeSafetensors(file: Uint8Array): boolean {
  if (file.length < LENGTH_BYTES + 2 || file[LENGTH_BYTES] !== 0x7b) return false;
  // Eight bytes of text would be a length of at least 2^56.
  return new DataView(file.buffer, file.byteOffset).getBigUint64(0, true) < 2n ** 40n;
}

function headerLength(file: Uint8Array): number {
  check(file.length >= LENGTH_BYTES + 2, 'model.corrupt', DAMAGED, {
    expected: 'at least 10 bytes',
    received: String(file.length),
  });
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true);
  const most = BigInt(Math.min(MAX_HEADER_BYTES, file.length - LENGTH_BYTES));
  check(length <= most, 'model.corrupt', DAMAGED, {
    path: 'header length',
    expected: `at most ${most} bytes`,
    received: String(length),
    remedy: 'Download the file again: it may have been cut off.',
  });
  check(file[LENGTH_BYTES] === 0x7b, 'model.corrupt', DAMAGED, {
    path: 'header',
    expected: '{ at its start',
  });
  return Number(length);
}

interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly start: number;
  readonly stop: number;
}

function tensorInfo(name: string, value: unknown): TensorInfo {
  const path = name.slice(0, 80);
  const info = asObject(value, path);
  for (const key of Object.keys(info))
    check(['dtype', 'shape', 'data_offsets'].includes(key), 'model.corrupt', DAMAGED, {
      path,
      expected: 'dtype, shape and data_offsets',
      received: key.slice(0, 80),
    });
  const dtype = asText(info.dtype, `${path}.dtype`);
  check(
    Object.hasOwn(BYTES, dtype),
    'model.unsupported',
    'A tensor holds numbers of a type that is not read.',
    {
      path: `${path}.dtype`,
      expected: Object.keys(BYTES).join(', '),
      received: dtype.slice(0, 20),
      remedy: 'Convert the model to float32 and save it again.',
    },
  );
  const shape = asShape(info.shape, `${path}.shape`);
  const offsets = asArray(info.data_offsets, `${path}.data_offsets`);
  const [start, stop] = offsets as [number, number];
  check(
    offsets.length === 2 && offsets.every(Number.isSafeInteger) && start >= 0 && stop >= start,
    'model.corrupt',
    DAMAGED,
    {
      path: `${path}.data_offsets`,
      expected: 'a start and an end',
      received: offsets.slice(0, 3).map(kindOf).join(', '),
    },
  );
  const bytes = sizeOf(shape) * BYTES[dtype as Dtype];
  check(stop - start === bytes, 'model.corrupt', DAMAGED, {
    path: `${path}.data_offsets`,
    expected: `${bytes} bytes for [${shape.join(', ')}] of ${dtype}`,
    received: String(stop - start),
  });
  return { dtype: dtype as Dtype, shape, start, stop };
}

/** Every byte of the data belongs to one tensor: no overlap, no hole, nothing after the last. */
function checkCoverage(tensors: readonly (TensorInfo & { name: string })[], dataBytes: number): void {
  let end = 0;
  for (const { name, start, stop } of [...tensors].sort((a, b) => a.start - b.start || a.stop - b.stop)) {
    check(start === end, 'model.corrupt', DAMAGED, {
      path: `${name.slice(0, 80)}.data_offsets`,
      expected: `data from byte ${end} on, where the tensor before it ends`,
      received: `byte ${start}`,
    });
    end = stop;
  }
  check(end === dataBytes, 'model.corrupt', DAMAGED, {
    path: 'data',
    expected: `${end} bytes, as the header says`,
    received: String(dataBytes),
    remedy: 'Download the file again: it may have been cut off.',
  });
}

function decode(dtype: Dtype, buffer: ArrayBuffer): Float32Array<ArrayBuffer> {
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F16':
      return fromFloat16(new Uint16Array(buffer));
    case 'BF16':
      return fromBfloat16(new Uint16Array(buffer));
    case 'F64':
      return fromFloat64(new Float64Array(buffer));
  }
}
