import { check, MurmurationError } from '../../errors/index.ts';
import { federationSchema, formatPath, type LayerSpec, type ModelSpec } from '../../federation/index.ts';

/** @throws `model.unsupported` when a model is beyond what a federation document can say. */
export function parseModelSpec(input: unknown): ModelSpec {
  const result = federationSchema.shape.model.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new MurmurationError('model.unsupported', `The model does not fit a federation: ${issue!.message}.`, {
    path: formatPath(['model', ...issue!.path]),
    remedy: 'Change the layer where the model was made, and save it again.',
  });
}

/** Settings that change neither parameters nor predictions, only names and training. */
const NAMES = ['name'];
const TRAINING_ONLY = ['name', 'rate', 'momentum'];

/** Whether two models are the same but for the names of layers and for defaults spelled out. */
export function sameModel(a: readonly LayerSpec[], b: readonly LayerSpec[]): boolean {
  return differences(a, b, NAMES).length === 0;
}

/** Where two models compute different things from the same weights, in words. Empty: they predict the same. */
export function predictionDifferences(
  expected: readonly LayerSpec[],
  received: readonly LayerSpec[],
): string[] {
  return differences(expected, received, TRAINING_ONLY);
}

function differences(
  expected: readonly LayerSpec[],
  received: readonly LayerSpec[],
  ignored: readonly string[],
  path = 'model.layers',
): string[] {
  if (expected.length !== received.length)
    return [`${path} has ${received.length} layers, not ${expected.length}`];
  return expected.flatMap((layer, i) => {
    const other = received[i]!;
    const here = `${path}[${i}]`;
    if (layer.type !== other.type) return [`${here} is ${other.type}, not ${layer.type}`];
    if (layer.type === 'residual' && other.type === 'residual')
      return [
        ...differences(layer.layers, other.layers, ignored, `${here}.layers`),
        ...differences(layer.shortcut, other.shortcut, ignored, `${here}.shortcut`),
      ];
    const [wanted, found] = [spelledOut(layer), spelledOut(other)];
    return [...new Set([...Object.keys(wanted), ...Object.keys(found)])]
      .filter((key) => !ignored.includes(key) && wanted[key] !== found[key])
      .map((key) => `${here}.${key} is ${String(found[key])}, not ${String(wanted[key])}`);
  });
}

/** With the stride of a pooling layer, which is its size when left out. */
function spelledOut(layer: LayerSpec): Record<string, unknown> {
  return 'poolSize' in layer ? { ...layer, strides: layer.strides ?? layer.poolSize } : { ...layer };
}

/** @throws `model.invalid` unless the size of an input is known. */
export function checkInputShape(shape: readonly number[]): void {
  check(
    shape.length > 0 && shape.every((size) => Number.isSafeInteger(size) && size > 0),
    'model.invalid',
    'A model needs an input of a known size.',
    { received: `[${shape.join(', ')}]` },
  );
}
