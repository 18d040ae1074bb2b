import { check, MurmurationError } from '../../errors/index.ts';
import type { ModelSpec } from '../../federation/index.ts';
import type { Layout } from '../../update/index.ts';
import { asArray, asObject, asShape, asText, type JsonObject, parseJson } from './json.ts';
import { exportKeras, type KerasExport, METADATA_KEY } from './keras-export.ts';
import { importKeras } from './keras-import.ts';
import type { NamedBytes } from './keras-weights.ts';
import { parseModelSpec, predictionDifferences } from './model-spec.ts';
import { looksLikeSafetensors, readSafetensors, writeSafetensors } from './safetensors.ts';
import { checkTensors, flatWeights, type NamedTensor, refuseDifferences, tensorsIn } from './tensor.ts';

/** What the page saves and opens. What a file is, its bytes say; its name is only used to find its neighbours. */

/** The model that a file has to fit. */
export interface WantedModel {
  readonly model: ModelSpec;
  readonly layout: Layout;
}

export interface OpenedFile {
  readonly format: 'safetensors' | 'keras' | 'json';
  readonly weights: Float32Array<ArrayBuffer>;
  /** What was read otherwise than it stands in the file, in sentences for a person. */
  readonly notes: readonly string[];
}

/** Key of the model's document in the metadata of a safetensors file. */
const MODEL_KEY = `${METADATA_KEY}.model`;
export const MODEL_FORMAT = 'murmuration/model';

/** One safetensors file, the document of the model in its metadata. @throws `model.invalid` on a weight not finite. */
export function saveSafetensors(
  { model, layout }: WantedModel,
  weights: Float32Array,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(metadata).map(([key, value]) => [`${METADATA_KEY}.${key}`, value] as const);
  return writeSafetensors(
    tensorsIn(layout, weights),
    new Map([...entries, [MODEL_KEY, JSON.stringify(model)]]),
  );
}

/**
 * `NAME.json` and `NAME.weights.bin`, as tfjs saves a LayersModel to a downloads folder.
 * @throws what {@link exportKeras} throws.
 */
export function saveKeras(wanted: KerasExport, name = 'model'): readonly [NamedBytes, NamedBytes] {
  const { modelJson, shard } = exportKeras({ ...wanted, weightsName: `${name}.weights.bin` });
  return [{ name: `${name}.json`, bytes: new TextEncoder().encode(JSON.stringify(modelJson)) }, shard];
}

/**
 * Reads weights for a federation's model from the files that a person chose.
 * @throws `model.layout-mismatch` that lists what differs; `model.unsupported` and `model.corrupt` naming the place;
 * `model.invalid` when a weight is not finite.
 */
export function openModelFile(files: readonly NamedBytes[], wanted: WantedModel): OpenedFile {
  const [first, ...others] = files;
  check(first !== undefined, 'model.corrupt', 'No file was chosen.');
  for (const { bytes } of files) refuseForeign(bytes);
  const safetensors = files.find(({ bytes }) => looksLikeSafetensors(bytes));
  if (safetensors !== undefined) {
    check(others.length === 0, 'model.corrupt', 'A safetensors file comes alone.', {
      received: `${files.length} files`,
      remedy: 'Choose one of them.',
    });
    return fromSafetensors(safetensors.bytes, wanted);
  }
  const documents = files.filter(({ bytes }) => looksLikeJson(bytes));
  check(documents.length === 1, 'model.corrupt', 'The files are not a model that can be read.', {
    expected: 'a safetensors file, or model.json with its .bin files',
    received: documents.length === 0 ? 'neither' : `${documents.length} JSON files`,
    remedy: 'Choose all files of one model together.',
  });
  const [document] = documents as [NamedBytes];
  const json = asObject(parseJson(document.bytes, 'The model file'), 'the model file');
  if (json.format === MODEL_FORMAT) return fromJson(json, wanted);
  if (json.modelTopology !== undefined) {
    const shards = files.filter((file) => file !== document);
    return fromKeras(json, shards, wanted);
  }
  throw new MurmurationError('model.unsupported', 'The JSON file is not a model.', {
    expected: `a tfjs LayersModel, or "${MODEL_FORMAT}"`,
  });
}

function fromSafetensors(bytes: Uint8Array, wanted: WantedModel): OpenedFile {
  const { tensors, metadata } = readSafetensors(bytes);
  const kept = metadata.get(MODEL_KEY);
  if (kept !== undefined) {
    const document = parseJson(new TextEncoder().encode(kept), 'The model in the metadata');
    refuseOther(wanted.model, parseModelSpec(document));
  }
  const converted = [...new Set(tensors.map(({ dtype }) => dtype))].filter((dtype) => dtype !== 'F32');
  return {
    format: 'safetensors',
    weights: flatWeights(wanted.layout, tensors),
    notes: converted.map((dtype) =>
      dtype === 'F64' ? 'Weights were rounded from F64.' : `Weights were widened from ${dtype}, exactly.`,
    ),
  };
}

function fromKeras(json: JsonObject, shards: readonly NamedBytes[], wanted: WantedModel): OpenedFile {
  const { model, layout, weights, output, notes } = importKeras(json, shards);
  // Logits may have been saved without what makes probabilities of them; anything else has to agree.
  refuseOther(wanted.model, output === 'linear' ? { ...model, loss: wanted.model.loss } : model);
  return {
    format: 'keras',
    weights: flatWeights(wanted.layout, tensorsIn(layout, weights)),
    notes,
  };
}

/** What the page saves as "Everything (JSON)". */
function fromJson(json: JsonObject, wanted: WantedModel): OpenedFile {
  const federation = asObject(json.federation, 'federation');
  refuseOther(wanted.model, parseModelSpec(federation.model));
  const tensors = asArray(json.parameters, 'parameters').map((entry, i): NamedTensor => {
    const path = `parameters[${i}]`;
    const { name, shape, values } = asObject(entry, path);
    const numbers = asArray(values, `${path}.values`);
    check(
      numbers.every((value) => typeof value === 'number'),
      'model.corrupt',
      'A weight is no number.',
      { path: `${path}.values` },
    );
    return {
      name: asText(name, `${path}.name`),
      shape: asShape(shape, `${path}.shape`),
      data: Float32Array.from(numbers as number[]),
    };
  });
  checkTensors(tensors);
  return { format: 'json', weights: flatWeights(wanted.layout, tensors), notes: [] };
}

/** Parameters of the same names and shapes can belong to another model: another activation, another stride. */
function refuseOther(wanted: ModelSpec, found: ModelSpec): void {
  const differences = predictionDifferences(wanted.layers, found.layers);
  if (wanted.loss !== found.loss) differences.push(`model.loss is ${found.loss}, not ${wanted.loss}`);
  refuseDifferences(differences);
}

function looksLikeJson(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => ![0x20, 0x09, 0x0a, 0x0d].includes(byte));
  if (first !== 0x7b) return false;
  // Weights, too, may begin with that byte: text goes on as text.
  return bytes.subarray(0, 64).every((byte) => byte >= 0x20 || [0x09, 0x0a, 0x0d].includes(byte));
}

/** Files that people try, with what to do about them. */
function refuseForeign(bytes: Uint8Array): void {
  const starts = (...magic: number[]): boolean => magic.every((byte, i) => bytes[i] === byte);
  if (starts(0x89, 0x48, 0x44, 0x46))
    throw foreign('an HDF5 file of Keras', 'Convert it with tensorflowjs_converter to a tfjs LayersModel.');
  if (starts(0x50, 0x4b, 0x03, 0x04))
    throw foreign(
      'a zip archive: a .keras or PyTorch file',
      'Convert it to safetensors, or to a tfjs LayersModel.',
    );
}

function foreign(received: string, remedy: string): MurmurationError {
  return new MurmurationError('model.unsupported', 'The file is in a format that is not read.', {
    expected: 'safetensors, or a tfjs LayersModel',
    received,
    remedy,
  });
}
