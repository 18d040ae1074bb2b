import { resolve } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { env, setBackend } from '@tensorflow/tfjs-core';
import { registerMissingWasmKernels } from '../../shared/training/index.ts';
import { answer, type Call } from './host.ts';
import { createSoak } from './soak.ts';

/** Answered beside the calls of the soak itself. */
export type HeapCall = 'js-heap';

registerMissingWasmKernels();
setWasmPaths(`${resolve(import.meta.dirname, '../../node_modules/@tensorflow/tfjs-backend-wasm/dist')}/`);
env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
if (!(await setBackend('wasm'))) throw new Error('The backend did not start.');
const soak = createSoak();

parentPort!.on('message', async (call: Call | HeapCall) => {
  if (call !== 'js-heap') return parentPort!.postMessage(await answer(soak, call));
  // Finalizers of the first collection leave garbage for the second.
  gc!();
  gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  parentPort!.postMessage({ value: heapUsed + arrayBuffers });
});
