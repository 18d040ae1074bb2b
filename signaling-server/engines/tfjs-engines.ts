import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { env, setBackend } from '@tensorflow/tfjs-core';
import { registerMissingWasmKernels } from '../../shared/training/index.ts';
import type { Engine } from './choose-engine.ts';

/** Not among the dependencies: its install step downloads a library, and fails where it cannot. */
const TFJS_NODE = '@tensorflow/tfjs-node';

/** What can compute models in this thread: WebAssembly always, TensorFlow's own library where the operator installed it. */
export const tfjsEngines: readonly Engine[] = [
  {
    name: 'wasm',
    async activate() {
      registerMissingWasmKernels();
      setWasmPaths(`${join(packageFolder('@tensorflow/tfjs-backend-wasm'), 'dist')}/`);
      // Its threads hang under some loaders, and gain nothing on few cores.
      env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
      return (await setBackend('wasm')) ? undefined : 'The WASM backend did not start.';
    },
  },
  {
    name: 'tfjs-node',
    async activate() {
      try {
        await import(TFJS_NODE);
      } catch (thrown) {
        const code = (thrown as { code?: unknown } | undefined)?.code;
        return code === 'ERR_MODULE_NOT_FOUND'
          ? 'It is not installed.'
          : `It does not load here (${typeof code === 'string' ? code : 'its library is missing'}).`;
      }
      return (await setBackend('tensorflow')) ? undefined : 'Its backend did not start.';
    },
  },
];

function packageFolder(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
}
