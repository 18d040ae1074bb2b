import { fork } from 'node:child_process';
import { resolve } from 'node:path';
import type { Host, Link } from './host.ts';
import { type Answer, answer, type Call, type Column, type Side } from './side.ts';

/** In the child: answers one call after the other until the parent is gone. */
export function serveProcess(side: Side): void {
  process.on('message', async (call: Call) => {
    process.send!(await answer(side, call));
  });
  process.on('disconnect', () => process.exit());
}

/** Sides in processes of Node. */
export function nodeHost(): Host {
  const links = new Set<Link>();
  return {
    name: `Node ${process.versions.node}`,
    columns: ['stock-cpu', 'stock-wasm', 'ours-wasm', 'ours-cpu'],
    open: async (column) => {
      const link = openProcess(column);
      links.add(link);
      return link;
    },
    async close() {
      for (const link of links) await link.stop();
    },
  };
}

function openProcess(column: Column): Link {
  const file = column.startsWith('stock') ? 'stock-process.ts' : 'our-process.ts';
  const child = fork(resolve(import.meta.dirname, file), {
    // Typed arrays as they are.
    serialization: 'advanced',
    // tfjs advises users of Node, at length, to use its native binding.
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let complaints = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  return {
    ask: (call) =>
      new Promise((done, fail) => {
        const received = (answered: unknown): void => done(answered as Answer);
        child.once('message', received);
        void ended.then(() => {
          child.off('message', received);
          fail(new Error(`The process ended. ${complaints}`));
        });
        if (child.connected) child.send(call);
      }),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
