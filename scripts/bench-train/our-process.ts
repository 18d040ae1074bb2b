import { resolve } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { env, setBackend } from '@tensorflow/tfjs-core';
import { registerMissingWasmKernels } from '../../shared/training/index.ts';
import { instructionSet } from '../../shared/training/native/module.ts';
import { ourSide } from './our-side.ts';
import { serveProcess } from './process.ts';

/** Our engine in a process of its own. */
serveProcess(
  ourSide(async (backend) => {
    if (backend === 'wasm') {
      registerMissingWasmKernels();
      setWasmPaths(
        `${resolve(import.meta.dirname, '../../node_modules/@tensorflow/tfjs-backend-wasm/dist')}/`,
      );
      env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    }
    if (!(await setBackend(backend))) throw new Error('The backend did not start.');
    return backend === 'wasm' ? instructionSet() : 'JavaScript';
  }),
);
