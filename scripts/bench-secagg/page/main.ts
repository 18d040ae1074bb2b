import type { Answer, Request } from './worker.ts';

/** What is measured runs in a worker, as it does in the product. */
function measure(request: Request): Promise<Answer> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  return new Promise((done, fail) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => done(data);
    worker.onerror = ({ message }) => fail(new Error(`The worker failed. ${message ?? ''}`));
    worker.postMessage(request);
  });
}

export const bench = { measure };
Object.assign(window, { bench });
document.title = 'ready';
