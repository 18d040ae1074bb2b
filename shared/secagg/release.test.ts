import { expect, test } from 'vitest';
import { release } from './release.ts';

test.each(['with', 'without'])('memory is given up, %s ArrayBuffer.prototype.transfer', (which) => {
  const given: number[] = [];
  function transfer(this: ArrayBuffer, bytes: number): ArrayBuffer {
    given.push(bytes);
    return structuredClone(this, { transfer: [this] });
  }
  for (let i = 0; i < 3; i++) {
    const stream = new Uint8Array(new ArrayBuffer(1024), 16);
    Object.defineProperty(stream.buffer, 'transfer', { value: which === 'with' ? transfer : undefined });
    release(stream);
    expect(stream).toHaveLength(0);
    expect(stream.buffer.byteLength).toBe(0);
  }
  expect(given).toEqual(which === 'with' ? [0, 0, 0] : []);
});
