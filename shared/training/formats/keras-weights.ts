import { check } from '../../errors/index.ts';
import { fromFloat16 } from './float.ts';
import { asArray, asObject, asShape, asText, type JsonObject, kindOf, sizeOf } from './json.ts';
import { checkTensors, type NamedTensor } from './tensor.ts';

/** The weights of a model.json as tfjs writes them: groups of tensors, each group cut into files. */

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const BYTES = { uint8: 1, uint16: 2, float16: 2 } as const;
type Quantized = keyof typeof BYTES;
const DAMAGED = 'The weights of the Keras model are damaged.';

/** One group in one file. */
export function writeManifest(
  tensors: readonly NamedTensor[],
  path: string,
): { readonly manifest: readonly JsonObject[]; readonly shard: NamedBytes } {
  checkTensors(tensors);
  const weights = new Float32Array(tensors.reduce((sum, { data }) => sum + data.length, 0));
  let offset = 0;
  for (const { data } of tensors) {
    weights.set(data, offset);
    offset += data.length;
  }
  return {
    manifest: [
      { paths: [path], weights: tensors.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })) },
    ],
    shard: { name: path, bytes: new Uint8Array(weights.buffer) },
  };
}

/**
 * Reads all weights, those of an optimizer left out; quantized ones as tfjs does, scale × value + min.
 * @param shards the weight files, found by the last part of their path; a single one by being the only one.
 * @throws `model.corrupt`; `model.unsupported` on another type of number.
 */
export function readManifest(value: unknown, shards: readonly NamedBytes[]): NamedTensor[] {
  const unread = new Set(shards);
  const tensors = asArray(value, 'weightsManifest').flatMap((entry, i) => {
    const path = `weightsManifest[${i}]`;
    const group = asObject(entry, path);
    const paths = asArray(group.paths, `${path}.paths`).map((name, j) => asText(name, `${path}.paths[${j}]`));
    const bytes = joined(paths, shards, unread);
    let offset = 0;
    const read = asArray(group.weights, `${path}.weights`).flatMap((weight, j) => {
      const { tensor, end } = readWeight(asObject(weight, `${path}.weights[${j}]`), bytes, offset);
      offset = end;
      return tensor === undefined ? [] : [tensor];
    });
    check(offset === bytes.length, 'model.corrupt', DAMAGED, {
      path,
      expected: `${offset} bytes, as its list says`,
      received: String(bytes.length),
      remedy: 'Choose the files that were saved together.',
    });
    return read;
  });
  checkTensors(tensors);
  return tensors;
}

/** Each file is read once: a list that names one over and over would fill the memory. */
function joined(
  paths: readonly string[],
  shards: readonly NamedBytes[],
  unread: Set<NamedBytes>,
): Uint8Array<ArrayBuffer> {
  const parts = paths.map((path) => {
    const base = baseName(path);
    // A browser renames a download whose name is taken, so that a lone file says nothing by its name.
    const isLone = paths.length === 1 && shards.length === 1;
    const found = isLone ? shards : shards.filter(({ name }) => baseName(name) === base);
    const [shard] = found;
    check(
      shard !== undefined && found.length === 1,
      'model.corrupt',
      'A weight file of the Keras model is not at hand.',
      {
        expected: base.slice(0, 120),
        received: found.length === 0 ? 'no such file' : 'two such files',
        remedy: 'Choose model.json and all of its .bin files together.',
      },
    );
    check(unread.delete(shard), 'model.corrupt', DAMAGED, {
      expected: 'each file named once',
      received: `${base.slice(0, 120)} once more`,
    });
    return shard.bytes;
  });
  if (parts.length === 1) return parts[0]!;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function readWeight(
  entry: JsonObject,
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
): { tensor: NamedTensor | undefined; end: number } {
  const name = asText(entry.name, 'weightsManifest.name');
  const path = name.slice(0, 80);
  const shape = asShape(entry.shape, `${path}.shape`);
  const dtype = asText(entry.dtype, `${path}.dtype`);
  const isOptimizer = entry.group === 'optimizer';
  check(
    dtype === 'float32' || (isOptimizer && dtype === 'int32'),
    'model.unsupported',
    'A weight is of a type that is not read.',
    { path: `${path}.dtype`, expected: 'float32', received: dtype.slice(0, 20) },
  );
  const quantization =
    entry.quantization === undefined ? undefined : quantizationOf(entry.quantization, path);
  const end = offset + sizeOf(shape) * (quantization === undefined ? 4 : BYTES[quantization.dtype]);
  check(end <= bytes.length, 'model.corrupt', DAMAGED, {
    path,
    expected: `at least ${end} bytes`,
    received: String(bytes.length),
    remedy:
      'Choose model.json and all of its .bin files together, and download them again if one was cut off.',
  });
  if (isOptimizer) return { tensor: undefined, end };
  const { buffer } = bytes.slice(offset, end);
  return { tensor: { name, shape, data: decode(buffer, quantization) }, end };
}

interface Quantization {
  readonly dtype: Quantized;
  readonly scale: number;
  readonly min: number;
}

function quantizationOf(value: unknown, path: string): Quantization {
  const settings = asObject(value, `${path}.quantization`);
  const dtype = asText(settings.dtype, `${path}.quantization.dtype`);
  check(
    Object.hasOwn(BYTES, dtype),
    'model.unsupported',
    'A weight is quantized in a way that is not read.',
    {
      path: `${path}.quantization.dtype`,
      expected: Object.keys(BYTES).join(', '),
      received: dtype.slice(0, 20),
    },
  );
  if (dtype === 'float16') return { dtype, scale: 1, min: 0 };
  const { scale, min } = settings;
  check(typeof scale === 'number' && typeof min === 'number', 'model.corrupt', DAMAGED, {
    path: `${path}.quantization`,
    expected: 'a scale and a min',
    received: `${kindOf(scale)} and ${kindOf(min)}`,
  });
  return { dtype: dtype as Quantized, scale, min };
}

function decode(buffer: ArrayBuffer, quantization: Quantization | undefined): Float32Array<ArrayBuffer> {
  if (quantization === undefined) return new Float32Array(buffer);
  const { dtype, scale, min } = quantization;
  // In float64 and rounded once, as tfjs does.
  const scaled = (value: number): number => value * scale + min;
  switch (dtype) {
    case 'float16':
      return fromFloat16(new Uint16Array(buffer));
    case 'uint16':
      return Float32Array.from(new Uint16Array(buffer), scaled);
    case 'uint8':
      return Float32Array.from(new Uint8Array(buffer), scaled);
  }
}
