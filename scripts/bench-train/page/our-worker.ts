/// <reference types="vite/client" />
import { instructionSet } from '../../../shared/training/native/module.ts';
import { backendCandidates } from '../../../web/src/trainer/backends.ts';
import { ourSide } from '../our-side.ts';
import { adapterName } from './adapter-name.ts';
import { serveWorker } from './serve-worker.ts';

/** Our engine in a worker of its own, with backends loaded as the product's trainer loads them. */
serveWorker(
  ourSide(async (backend) => {
    const [candidate] = backendCandidates(backend);
    const activation = await candidate!.activate(new AbortController().signal);
    if (!activation.ready) throw new Error(activation.reason);
    return backend === 'wasm' ? instructionSet() : adapterName(backend);
  }),
);
