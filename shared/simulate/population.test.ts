import { describe, expect, test } from 'vitest';
import { seededRandom } from '../random/index.ts';
import { createPopulation, drawLogNormal, type PopulationOptions, sampleClients } from './index.ts';

const populationOf = (change: Partial<PopulationOptions> = {}) =>
  createPopulation({
    seed: 'population',
    clients: 10_000,
    examples: 10,
    speed: { median: 100, sigma: 1 },
    up: { median: 1, sigma: 0 },
    down: { median: 2, sigma: 0 },
    dropOut: 0.1,
    attackers: 0.25,
    ...change,
  });

describe('sampling', () => {
  test('all different, all of them where all are asked for, none where none', () => {
    const random = seededRandom('sample');
    expect(sampleClients(5, 5, random).sort()).toEqual([0, 1, 2, 3, 4]);
    expect(sampleClients(5, 0, random)).toEqual([]);
    expect(new Set(sampleClients(2 ** 31, 1000, random)).size).toBe(1000);
    expect(() => sampleClients(5, 6, random)).toThrow('count');
  });

  test('everyone is drawn equally often, at every place', () => {
    const random = seededRandom('uniform');
    const drawn = Array.from({ length: 3 }, () => new Array<number>(6).fill(0));
    for (let times = 0; times < 6000; times++)
      sampleClients(6, 3, random).forEach((client, place) => {
        drawn[place]![client]!++;
      });
    // A thousand each; the deviation is 29, and five of them are 145.
    for (const counts of drawn) for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(145);
  });

  test('whoever is busy is not drawn, and the others are, as far as there are any', () => {
    const population = populationOf({ clients: 6 });
    const busy = new Map([
      [1, 'busy'],
      [4, 'busy'],
    ]);
    expect(population.draw('some', 10, busy).sort()).toEqual([0, 2, 3, 5]);
    expect(population.draw('some', 2, busy)).toHaveLength(2);
    expect(population.draw('some', 2, busy)).toEqual(population.draw('some', 2, busy));
  });
});

test('a device is the same whenever it is asked for', () => {
  const [one, other] = [populationOf(), populationOf()];
  other.device(3);
  expect(one.device(7)).toEqual(other.device(7));
  expect(one.device(7)).not.toEqual(one.device(8));
  expect(one.vanishesAt(7, 3)).toEqual(other.vanishesAt(7, 3));
});

test('as many lie, and vanish, as were asked for', () => {
  const population = populationOf();
  let [liars, vanished] = [0, 0];
  for (let client = 0; client < 4000; client++) {
    if (population.device(client).lies) liars++;
    const at = population.vanishesAt(client, 1);
    if (at === undefined) continue;
    vanished++;
    expect(at).toBeGreaterThanOrEqual(0);
    expect(at).toBeLessThan(1);
  }
  // Five deviations: √(4000 · 0.25 · 0.75) = 27, √(4000 · 0.1 · 0.9) = 19.
  expect(Math.abs(liars - 1000)).toBeLessThan(137);
  expect(Math.abs(vanished - 400)).toBeLessThan(95);
  expect(populationOf({ dropOut: 0 }).vanishesAt(1, 1)).toBeUndefined();
});

test('speeds have the median and the spread that were asked for', () => {
  const random = seededRandom('speeds');
  const speeds = Array.from({ length: 4001 }, () => drawLogNormal({ median: 100, sigma: 1 }, random));
  speeds.sort((a, b) => a - b);
  // Logarithms of the median and of the 84.13th percentile: 0 and 1 above that of 100, to about 0.02 each.
  expect(Math.abs(Math.log(speeds[2000]! / 100))).toBeLessThan(0.1);
  expect(Math.abs(Math.log(speeds[3366]! / 100) - 1)).toBeLessThan(0.15);
  expect(drawLogNormal({ median: 5, sigma: 0 }, random)).toBe(5);
});

test.each([{ clients: 0 }, { dropOut: 1.1 }, { attackers: -0.1 }, { examples: 0 }])(
  '%j is no population',
  (change) => {
    expect(() => populationOf(change)).toThrow();
  },
);
