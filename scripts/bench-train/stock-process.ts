import { resolve } from 'node:path';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { serveProcess } from './process.ts';
import { stockSide } from './stock-side.ts';

/** Stock tfjs in a process of its own. */
const binaries = resolve(import.meta.dirname, '../../node_modules/@tensorflow/tfjs-backend-wasm/dist');
serveProcess(stockSide(() => setWasmPaths(`${binaries}/`)));
