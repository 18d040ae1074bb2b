import type { Answer, Call, Column } from '../side.ts';

/** A page that only starts workers and passes calls on: what is measured runs in them, as it does in the product. */
const workers = new Map<Column, Worker>();

function open(column: Column): void {
  const worker = column.startsWith('stock')
    ? new Worker(new URL('./stock-worker.ts', import.meta.url), { type: 'module' })
    : new Worker(new URL('./our-worker.ts', import.meta.url), { type: 'module' });
  workers.set(column, worker);
}

function ask(column: Column, call: Call): Promise<Answer> {
  const worker = workers.get(column)!;
  return new Promise((done, fail) => {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => done(data);
    worker.onerror = ({ message }) => fail(new Error(`The worker failed. ${message ?? ''}`));
    worker.postMessage(call);
  });
}

function stop(column: Column): void {
  workers.get(column)?.terminate();
  workers.delete(column);
}

export const bench = { open, ask, stop };
Object.assign(window, { bench });
document.title = 'ready';
