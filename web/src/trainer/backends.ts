import plainUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import { env, setBackend } from '@tensorflow/tfjs-core';
import {
  type BackendActivation,
  type BackendCandidate,
  registerMissingWasmKernels,
} from '../../../shared/training/index.ts';
import { BACKEND_NAMES, type BackendName, type BackendRequest } from './api.ts';
import { softwareWebgl, softwareWebgpu } from './gpu-probe.ts';
import { setWasmPaths } from './wasm-backend.ts';

/** @returns why a backend is not worth loading here; undefined when it may be. */
type Probe = () => Promise<string | undefined>;

interface Backend {
  readonly probe?: Probe;
  load(): Promise<unknown>;
  readonly lastResort?: boolean;
}

const BACKENDS: Record<BackendName, Backend> = {
  wasm: { load: async () => prepareWasm() },
  webgpu: { probe: softwareWebgpu, load: () => import('@tensorflow/tfjs-backend-webgpu') },
  webgl: { probe: async () => softwareWebgl(), load: () => import('@tensorflow/tfjs-backend-webgl') },
  cpu: { load: () => import('@tensorflow/tfjs-backend-cpu'), lastResort: true },
};

/** A backend asked for by name is tried first, even where it runs in software; the others only if it fails. */
export function backendCandidates(request: BackendRequest): BackendCandidate[] {
  const names =
    request === 'auto' ? BACKEND_NAMES : [request, ...BACKEND_NAMES.filter((name) => name !== request)];
  return names.map((name) => {
    const { probe, load, lastResort = false } = BACKENDS[name];
    return {
      name,
      lastResort: request === 'auto' ? lastResort : name !== request,
      activate: (signal) => activate(name, name === request ? undefined : probe, load, signal),
    };
  });
}

async function activate(
  name: BackendName,
  probe: Probe | undefined,
  load: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<BackendActivation> {
  const reason = await probe?.();
  if (reason !== undefined) return { ready: false, reason };
  await load();
  if (signal.aborted) return { ready: false, reason: 'It took too long to load.' };
  return (await setBackend(name)) ? { ready: true } : { ready: false, reason: 'It did not start.' };
}

function prepareWasm(): void {
  // Threads need a cross-origin-isolated page, hang in a minified build, and gain nothing on two cores.
  env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  setWasmPaths({
    'tfjs-backend-wasm.wasm': plainUrl,
    'tfjs-backend-wasm-simd.wasm': simdUrl,
    // Must be named, is never fetched.
    'tfjs-backend-wasm-threaded-simd.wasm': simdUrl,
  });
  registerMissingWasmKernels();
}
