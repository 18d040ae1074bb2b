import { join, resolve } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { env, setBackend } from '@tensorflow/tfjs-core';
import { readSampleShard, sampleExamples } from '../shared/dataset/index.ts';
import type { Federation } from '../shared/federation/index.ts';
import { compileModel, evaluateModel, registerMissingWasmKernels } from '../shared/training/index.ts';
import { makeModel } from '../shared/update/index.ts';
import { sampleData } from '../signaling-server/sample-data.ts';

/** How good a model is on all 10,000 test digits, computed here and by nobody who trained it. */
export async function evaluateInNode(
  federation: Federation,
  weights: Uint8Array<ArrayBuffer>,
): Promise<{ accuracy: number; loss: number; hash: string }> {
  const packages = resolve(import.meta.dirname, '../node_modules');
  registerMissingWasmKernels();
  setWasmPaths(`${join(packages, '@tensorflow/tfjs-backend-wasm/dist')}/`);
  env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  await setBackend('wasm');
  const compiled = compileModel(federation);
  const model = makeModel(0, compiled.layout, new Float32Array(weights.slice().buffer));
  const examples = sampleExamples(readSampleShard(await sampleData().test()));
  const { total, correct, lossSum } = await evaluateModel({
    compiled,
    examples,
    model,
    signal: new AbortController().signal,
  });
  return { accuracy: correct / total, loss: lossSum / total, hash: model.hash };
}
