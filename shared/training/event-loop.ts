/**
 * Lets waiting messages, such as a cancellation, be handled between two steps. setTimeout would cost 4 ms a
 * step in a browser (HTML, section 8.6), more than a small step itself; in Node a message channel would starve
 * timers, so there setImmediate is used.
 */
export interface EventLoopYield {
  next(): Promise<void>;
  close(): void;
}

interface Port {
  onmessage: (() => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

export function eventLoopYield(): EventLoopYield {
  const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => unknown };
  if (setImmediate !== undefined) {
    return { next: () => new Promise((resolve) => setImmediate(() => resolve())), close: () => undefined };
  }
  // The ports' types differ between hosts; what is used of them here does not.
  const { port1, port2 } = new MessageChannel() as unknown as { port1: Port; port2: Port };
  return {
    next: () =>
      new Promise((resolve) => {
        port1.onmessage = () => resolve();
        port2.postMessage(undefined);
      }),
    close: () => port1.close(),
  };
}
