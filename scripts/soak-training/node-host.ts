import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { type Answer, type Call, remoteSoak, type SoakHost } from './host.ts';
import type { HeapCall } from './node-worker.ts';

/** In a worker thread of Node. */
export async function nodeSoak(): Promise<SoakHost> {
  // Threads started from now on can be told to collect their garbage.
  setFlagsFromString('--expose-gc');
  // A thread does not inherit tsx's loader, so it registers it before it imports the TypeScript that it runs.
  const loader = import.meta.resolve('tsx/esm/api');
  const script = new URL('./node-worker.ts', import.meta.url).href;
  const source = `import { register } from ${JSON.stringify(loader)}; register(); await import(${JSON.stringify(script)});`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { stdout: true });

  function ask(call: Call | HeapCall): Promise<Answer> {
    return new Promise((done, fail) => {
      const end = (cause: unknown): void =>
        fail(cause instanceof Error ? cause : new Error(`The worker ended with ${String(cause)}.`));
      worker.once('error', end).once('exit', end);
      worker.once('message', (answered: Answer) => {
        worker.off('error', end).off('exit', end);
        done(answered);
      });
      worker.postMessage(call);
    });
  }

  return {
    name: `Node ${process.versions.node}, worker thread`,
    ...remoteSoak(ask),
    async jsHeapBytes() {
      return ((await ask('js-heap')) as { readonly value: number }).value;
    },
    async close() {
      await worker.terminate();
    },
  };
}
