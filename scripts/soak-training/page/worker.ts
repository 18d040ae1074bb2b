/// <reference types="vite/client" />
import { backendCandidates } from '../../../web/src/trainer/backends.ts';
import { answer, type Call } from '../host.ts';
import { createSoak, type Soak } from '../soak.ts';

/** With the backend loaded as the product's trainer loads it. */
const started: Promise<Soak> = (async () => {
  const activation = await backendCandidates('wasm')[0]!.activate(new AbortController().signal);
  if (!activation.ready) throw new Error(activation.reason);
  return createSoak();
})();

addEventListener('message', async ({ data }: MessageEvent<Call>) => {
  postMessage(await answer(await started, data));
});
