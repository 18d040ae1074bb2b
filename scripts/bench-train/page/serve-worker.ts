import { answer, type Call, type Side } from '../side.ts';

/** In the worker: answers one call after the other. */
export function serveWorker(side: Side): void {
  addEventListener('message', async ({ data }: MessageEvent<Call>) => {
    postMessage(await answer(side, data));
  });
}
