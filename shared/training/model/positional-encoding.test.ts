import { ones, tensor, tensor1d, tidy, zeros } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../random/index.ts';
import { useBackend } from '../testing.ts';
import type { ParameterGradient } from './parameter-gradient.ts';
import { positionalEncoding, sinusoids } from './positional-encoding.ts';

const pass = { training: true, random: seededRandom('') };

describe('sinusoids', () => {
  it('are sines and cosines of ever longer waves', () => {
    const table = sinusoids(2, 4);
    // 10000^(2/4) = 100.
    expect([...table.subarray(0, 4)]).toEqual([0, 1, 0, 1]);
    expect([...table.subarray(4)]).toEqual(
      [Math.sin(1), Math.cos(1), Math.sin(0.01), Math.cos(0.01)].map(Math.fround),
    );
  });

  it('end with a sine where the units are odd', () => {
    expect(sinusoids(2, 3)[5]).toBe(Math.fround(Math.sin(10_000 ** (-2 / 3))));
  });
});

describe.each(['cpu', 'wasm'] as const)('positionalEncoding on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it('adds sines to every example, and lets slopes pass', () => {
    const layer = positionalEncoding({ type: 'positionalEncoding', kind: 'sinusoidal' }, [2, 4], 'layer');
    tidy(() => {
      const { outputs, backward } = layer.forward(ones([3, 2, 4]), [], pass);
      const expected = [...sinusoids(2, 4)].map((value) => Math.fround(1 + value));
      expect([...outputs.dataSync()]).toEqual([...expected, ...expected, ...expected]);
      const slope = ones([3, 2, 4]);
      expect(backward(slope, true)).toEqual({ inputs: slope, parameters: [] });
    });
  });

  it('adds a table that is trained', () => {
    const layer = positionalEncoding({ type: 'positionalEncoding', kind: 'learned' }, [2, 1], 'layer');
    expect(layer.parameters).toEqual([{ name: 'table', shape: [2, 1], initializer: { limit: 0.05 } }]);
    tidy(() => {
      const { outputs, backward } = layer.forward(zeros([2, 2, 1]), [tensor([5, 7], [2, 1])], pass);
      expect([...outputs.dataSync()]).toEqual([5, 7, 5, 7]);
      const gradient = backward(tensor([1, 2, 3, 4], [2, 2, 1]), true).parameters[0] as ParameterGradient;
      expect([...gradient.sum().dataSync()]).toEqual([4, 6]);
      expect([...gradient.sum(tensor1d([1, -1])).dataSync()]).toEqual([-2, -2]);
      expect([...gradient.squaredNorms().dataSync()]).toEqual([5, 25]);
    });
  });

  it('is refused on anything but a sequence', () => {
    expect(() => positionalEncoding({ type: 'positionalEncoding', kind: 'learned' }, [4], 'layer')).toThrow(
      expect.objectContaining({ code: 'model.invalid' }),
    );
  });
});
