import type { Answer, Call } from '../host.ts';

/** A page that only starts the worker and passes calls on. */
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'soak' });

function ask(call: Call): Promise<Answer> {
  return new Promise((done, fail) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => done(data);
    worker.onerror = ({ message }) => fail(new Error(`The worker failed. ${message ?? ''}`));
    worker.postMessage(call);
  });
}

export const soak = { ask };
Object.assign(window, { soak });
document.title = 'ready';
