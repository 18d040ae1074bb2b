import { env, setBackend, type Tensor, tensor, tidy } from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { type Federation, type FederationInput, parseFederation } from '../federation/index.ts';
import { seededRandom } from '../random/index.ts';
import { registerMissingWasmKernels } from './kernels/index.ts';

/** Sets up a backend in Node, for tests of this folder. */
export async function useBackend(name: 'cpu' | 'wasm'): Promise<void> {
  if (name === 'wasm') {
    registerMissingWasmKernels();
    const { url } = import.meta as unknown as { url: string };
    const root = decodeURIComponent(url.replace(/^file:\/\//, '')).replace(/shared\/training\/.*$/, '');
    setWasmPaths(`${root}node_modules/@tensorflow/tfjs-backend-wasm/dist/`);
    env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  }
  if (!(await setBackend(name))) throw new Error(`The ${name} backend did not start.`);
}

/** A federation on 28 × 28 digits, or on other data, with the model at hand. */
export function federationWith(
  layers: FederationInput['model']['layers'],
  data: FederationInput['data'] = {
    kind: 'image',
    width: 28,
    height: 28,
    channels: 1,
    labels: [...'0123456789'],
  },
): Federation {
  const isValue = data.kind !== 'image' && (data.target?.type ?? 'value') === 'value';
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'test',
    name: 'Test',
    data,
    model: { layers, loss: isValue ? 'meanSquaredError' : 'softmaxCrossEntropy' },
  });
}

export const MLP_LAYERS: FederationInput['model']['layers'] = [
  { type: 'flatten' },
  { type: 'dense', units: 128, activation: 'relu' },
  { type: 'dense', units: 10 },
];

export const SMALL_CNN_LAYERS: FederationInput['model']['layers'] = [
  { type: 'conv2d', filters: 16, kernelSize: 3, activation: 'relu' },
  { type: 'maxPool2d' },
  { type: 'conv2d', filters: 32, kernelSize: 3, activation: 'relu' },
  { type: 'maxPool2d' },
  { type: 'flatten' },
  { type: 'dense', units: 10 },
];

/** Largest difference between the results of two backends, relative to the largest number among them. */
export async function disagreement(compute: () => Tensor): Promise<number> {
  const results: Float32Array[] = [];
  for (const name of ['cpu', 'wasm'] as const) {
    await useBackend(name);
    const result = tidy(compute);
    results.push(await result.data<'float32'>());
    result.dispose();
  }
  const [expected, received] = results as [Float32Array, Float32Array];
  if (expected.length !== received.length) return Infinity;
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - received[i]!)), 0);
  return worst / scale;
}

/** Reproducible noise over [-1, 1). */
export function noise(seed: string, shape: number[]): Tensor {
  const random = seededRandom(seed);
  const length = shape.reduce((product, size) => product * size, 1);
  return tensor(
    Float32Array.from({ length }, () => 2 * random.uniform() - 1),
    shape,
  );
}
