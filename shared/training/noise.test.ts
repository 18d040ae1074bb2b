import { dispose, memory, tensor } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CryptoRandom } from '../random/index.ts';
import { gaussianNoise } from './noise.ts';
import { gaussianNumbers } from './ops/gaussian.ts';
import { useBackend } from './testing.ts';

/** Keys of equal bytes: 1, 2, 3 and so on; and a look at them afterwards. */
function countingRandom(): CryptoRandom & { readonly given: Uint8Array[] } {
  const given: Uint8Array[] = [];
  return {
    kind: 'crypto',
    given,
    bytes(length) {
      const bytes = new Uint8Array(length).fill(given.length + 1);
      given.push(bytes);
      return bytes;
    },
  };
}

describe.each(['cpu', 'wasm'] as const)('gaussianNoise on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it('has a key for each call and a nonce for each tensor', async () => {
    const noise = gaussianNoise(countingRandom());
    for (const byte of [1, 2]) {
      const key = new Uint8Array(32).fill(byte);
      const noisy = noise.addNoise([tensor([1, 2, 3]), tensor([4])], 0.5);
      for (const [nonce, before] of [[1, 2, 3], [4]].entries()) {
        const drawn = gaussianNumbers({ key, nonce }, before.length, 0.5);
        const received = await noisy[nonce]!.data<'float32'>();
        before.forEach((x, i) => {
          expect(Math.abs(received[i]! - (x + drawn[i]!))).toBeLessThan(2e-6);
        });
      }
      dispose(noisy);
    }
  });

  it('takes the tensors over, and wipes the key', () => {
    const before = memory().numTensors;
    const random = countingRandom();
    dispose(gaussianNoise(random).addNoise([tensor([1, 2, 3]), tensor([4])], 0.5));
    expect(memory().numTensors).toBe(before);
    expect(random.given).toEqual([new Uint8Array(32)]);
  });

  it('leaves no tensor behind when the host has no random bytes to give', () => {
    const before = memory().numTensors;
    const exhausted: CryptoRandom = {
      kind: 'crypto',
      bytes() {
        throw new RangeError('a fault of the host');
      },
    };
    expect(() => gaussianNoise(exhausted).addNoise([tensor([1])], 1)).toThrow(RangeError);
    expect(memory().numTensors).toBe(before);
  });
});
