import { afterEach, describe, expect, it, vi } from 'vitest';
import { eventLoopYield } from './event-loop.ts';

describe.each(['setImmediate', 'MessageChannel'])('eventLoopYield by %s', (means) => {
  afterEach(() => vi.unstubAllGlobals());

  it('lets a waiting message be handled', async () => {
    if (means === 'MessageChannel') vi.stubGlobal('setImmediate', undefined);
    const { port1, port2 } = new MessageChannel();
    let received = false;
    port1.onmessage = () => {
      received = true;
    };
    port2.postMessage('cancel');
    const loop = eventLoopYield();
    for (let i = 0; i < 100 && !received; i++) await loop.next();
    loop.close();
    port1.close();
    expect(received).toBe(true);
  });
});
