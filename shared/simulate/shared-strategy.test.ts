import { expect, test } from 'vitest';
import { type Strategy, strategyOf } from '../aggregate/index.ts';
import { encodingOf } from '../compress/index.ts';
import { parseFederation } from '../federation/index.ts';
import { layoutOf, makeModel } from '../update/index.ts';
import { sharedStrategy } from './shared-strategy.ts';

const LAYOUT = layoutOf([{ name: 'weights', shape: [3] }]);
const federation = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'three',
  name: 'Three weights',
  data: { kind: 'records', features: 2 },
  model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
});
const encoding = encodingOf(federation, LAYOUT.length);
const base = makeModel(0, LAYOUT, Float32Array.of(1, 2, 3));
const sumOf = (...values: number[]) => ({ values: Int32Array.from(values), weight: 2 });

function counted(): { strategy: Strategy; readonly times: () => number } {
  const plain = strategyOf(federation, LAYOUT);
  let times = 0;
  const strategy = sharedStrategy({
    ...plain,
    apply: (...given) => {
      times++;
      return plain.apply(...given);
    },
  });
  return { strategy, times: () => times };
}

test('the same sum on the same base is applied once, and gives what it gives alone', () => {
  const { strategy, times } = counted();
  const first = strategy.apply(base, sumOf(4, 5, 6), LAYOUT, encoding);
  expect(strategy.apply({ ...base }, sumOf(4, 5, 6), LAYOUT, encoding)).toBe(first);
  expect(times()).toBe(1);
  expect(first).toEqual(strategyOf(federation, LAYOUT).apply(base, sumOf(4, 5, 6), LAYOUT, encoding));
});

test('another sum, another weight, another base: each is computed', () => {
  const { strategy, times } = counted();
  const first = strategy.apply(base, sumOf(4, 5, 6), LAYOUT, encoding);
  const others = [
    strategy.apply(base, sumOf(4, 5, 7), LAYOUT, encoding),
    strategy.apply(base, { ...sumOf(4, 5, 7), weight: 3 }, LAYOUT, encoding),
    strategy.apply({ ...base, version: 1 }, { ...sumOf(4, 5, 7), weight: 3 }, LAYOUT, encoding),
  ];
  expect(times()).toBe(4);
  expect(others.every((model) => model !== first)).toBe(true);
  expect(others[2]!.version).toBe(2);
});
