import { tensor, tensor1d, tidy } from '@tensorflow/tfjs-core';
import { beforeEach, describe, expect, it } from 'vitest';
import type { FederationInput } from '../../federation/index.ts';
import { seededRandom } from '../../random/index.ts';
import { federationWith, useBackend } from '../testing.ts';
import { compileModel } from './compile.ts';
import { embedding } from './embedding.ts';
import type { ParameterGradient } from './parameter-gradient.ts';

const layer = embedding({ type: 'embedding', vocabulary: 3, units: 2 }, [3], 'layer');
const table = [1, 2, 3, 4, 5, 6];
const pass = { training: true, random: seededRandom('') };

/** Ids 2 0 2 and 1 1 1; the slopes of the first example are (1, 2), (3, 4) and (5, 6). */
function run(read: (outputs: number[], gradient: ParameterGradient) => number[]): number[] {
  return tidy(() => {
    const ids = tensor([2, 0, 2, 1, 1, 1], [2, 3], 'int32');
    const { outputs, backward } = layer.forward(ids, [tensor(table, [3, 2])], pass);
    const slope = tensor([1, 2, 3, 4, 5, 6, 1, 0, 0, 1, -1, 0], [2, 3, 2]);
    const back = backward(slope, false);
    expect(back.inputs).toBeUndefined();
    expect(outputs.shape).toEqual([2, 3, 2]);
    return read([...outputs.dataSync()], back.parameters[0] as ParameterGradient);
  });
}

describe.each(['cpu', 'wasm'] as const)('embedding on %s', (backend) => {
  beforeEach(() => useBackend(backend));

  it('takes the row of each token', () => {
    expect(run((outputs) => outputs)).toEqual([5, 6, 1, 2, 5, 6, 3, 4, 3, 4, 3, 4]);
  });

  it('adds up the slopes of each token', () => {
    // Token 0 got (3, 4); token 1 (1, 0) + (0, 1) − (1, 0); token 2 (1, 2) + (5, 6).
    expect(run((_, gradient) => [...gradient.sum().dataSync()])).toEqual([3, 4, 0, 1, 6, 8]);
  });

  it('weighs the examples', () => {
    const weights = () => tensor1d([0.5, -1]);
    expect(run((_, gradient) => [...gradient.sum(weights()).dataSync()])).toEqual([1.5, 2, 0, -1, 3, 4]);
  });

  it('tells the norms of the examples, in which equal tokens add up', () => {
    // 3² + 4² + 6² + 8² = 125, and 1.
    expect(run((_, gradient) => [...gradient.squaredNorms().dataSync()])).toEqual([125, 1]);
  });

  it.each([
    ['pairs of positions', 400],
    ['tables', 3],
  ])('tells the same norms by %s', (_, vocabulary) => {
    // 400 × 2 numbers are more than 20² pairs, 3 × 2 are fewer.
    const long = embedding({ type: 'embedding', vocabulary, units: 2 }, [20], 'layer');
    const norms = tidy(() => {
      const ids = tensor(
        Array.from({ length: 40 }, (_, i) => (i < 20 ? i % 2 : 2)),
        [2, 20],
        'int32',
      );
      const { backward } = long.forward(
        ids,
        [tensor(new Float32Array(vocabulary * 2), [vocabulary, 2])],
        pass,
      );
      const slope = tensor(
        Array.from({ length: 80 }, (_, i) => 1 + (i % 2)),
        [2, 20, 2],
      );
      return [...(backward(slope, false).parameters[0] as ParameterGradient).squaredNorms().dataSync()];
    });
    // The slope is (1, 2) everywhere: two rows of 10 of them, and one of 20.
    expect(norms).toEqual([2 * 500, 2000]);
  });

  it('never tells less than the norm, where slopes nearly cancel and rounding is all that is left', () => {
    const wide = embedding({ type: 'embedding', vocabulary: 1, units: 300 }, [2], 'layer');
    for (let i = 1; i <= 20; i++) {
      const up = Array.from({ length: 300 }, (_, k) => 1000 + ((k * i) % 7));
      // Exact in float32: the sum is 1/8 at each of 300 units, and its squared norm 300 / 64.
      const down = up.map((value) => 0.125 - value);
      const squaredNorm = tidy(() => {
        const { backward } = wide.forward(
          tensor([0, 0], [1, 2], 'int32'),
          [tensor(new Float32Array(300), [1, 300])],
          pass,
        );
        const [gradient] = backward(tensor([...up, ...down], [1, 2, 300]), false).parameters;
        return (gradient as ParameterGradient).squaredNorms().dataSync()[0]!;
      });
      expect(squaredNorm).toBeGreaterThanOrEqual(4.6875 * (1 - 2e-5));
    }
  });

  it('gives each example its own table for a table that is shared', () => {
    const each = (_: number[], gradient: ParameterGradient) => {
      expect(gradient.perExample().shape).toEqual([2, 3, 2]);
      return [...gradient.perExample().dataSync()];
    };
    expect(run(each)).toEqual([3, 4, 0, 0, 6, 8, 0, 0, 0, 1, 0, 0]);
  });
});

describe('a model on tokens', () => {
  const tokens: FederationInput['data'] = {
    kind: 'tokens',
    length: 4,
    vocabulary: 10,
    target: { type: 'next' },
  };
  const table = { type: 'embedding', vocabulary: 10, units: 2, name: 'table' } as const;
  const end = { type: 'unembedding', of: 'table' } as const;

  it('is compiled from an embedding on', () => {
    const compiled = compileModel(federationWith([table, end], tokens));
    expect(compiled).toMatchObject({
      inputShape: [4],
      inputKind: { vocabulary: 10 },
      outputSize: 10,
      classes: 10,
      targetsPerExample: 4,
    });
    expect(compiled.layout.parameters.map(({ name, shape }) => [name, ...shape])).toEqual([
      ['0.embedding/table', 10, 2],
    ]);
    const largest = compiled.initialWeights().reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
    expect(largest).toBeGreaterThan(0.03);
    expect(largest).toBeLessThanOrEqual(0.05);
  });

  const numbers: FederationInput['data'] = { kind: 'records', features: 4 };
  it.each<[string, FederationInput['model']['layers'], FederationInput['data'], string]>([
    ['starts with another layer', [{ type: 'dense', units: 10 }], tokens, 'model.layers[0]'],
    ['has too few rows', [{ ...table, vocabulary: 9 }, end], tokens, 'model.layers[0].vocabulary'],
    ['has a second embedding', [table, { type: 'flatten' }, table, end], tokens, 'model.layers[2]'],
    ['uses the first again', [table, { type: 'shared', of: 'table' }, end], tokens, 'model.layers[1]'],
    [
      'has one in a residual block',
      [table, { type: 'residual', layers: [table] }, end],
      tokens,
      'model.layers[1].layers[0]',
    ],
    [
      'works on numbers',
      [table, { type: 'flatten' }, { type: 'dense', units: 1 }],
      numbers,
      'model.layers[0]',
    ],
  ])('is refused when it %s', (_, layers, data, path) => {
    expect(() => compileModel(federationWith(layers, data))).toThrow(
      expect.objectContaining({ code: 'model.invalid', facts: expect.objectContaining({ path }) }),
    );
  });
});
