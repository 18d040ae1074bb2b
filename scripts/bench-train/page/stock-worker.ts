/// <reference types="vite/client" />
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import plainUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import { stockSide } from '../stock-side.ts';
import { serveWorker } from './serve-worker.ts';

/** Stock tfjs in a worker of its own. */
serveWorker(
  stockSide(() =>
    setWasmPaths({
      'tfjs-backend-wasm.wasm': plainUrl,
      'tfjs-backend-wasm-simd.wasm': simdUrl,
      // Must be named, is never fetched.
      'tfjs-backend-wasm-threaded-simd.wasm': simdUrl,
    }),
  ),
);
