import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../random/index.ts';
import { coordinateMedian, mean, type Row, trimmedMean } from '../robust/index.ts';
import {
  flipLabels,
  gaussian,
  infinite,
  innerProductManipulation,
  littleFactor,
  littleIsEnough,
  mimic,
  mostHarmful,
  plantTrigger,
  signFlip,
} from './index.ts';

const honest: readonly Row[] = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
].map((row) => Float64Array.from(row));
const invalid = expect.objectContaining({ code: 'argument.invalid' });

describe('from 1 to 9 in three rows, of mean 4, 5, 6 and deviation 3', () => {
  test('sign flip', () => {
    expect([...signFlip(honest)]).toEqual([-4, -5, -6]);
    expect([...signFlip(honest, { scale: 10 })]).toEqual([-40, -50, -60]);
  });

  test('inner-product manipulation', () => {
    expect([...innerProductManipulation(honest)]).toEqual([-8, -10, -12]);
    expect([...innerProductManipulation(honest, { factor: 0.5 })]).toEqual([-2, -2.5, -3]);
  });

  test('a little is enough', () => {
    expect([...littleIsEnough(honest)]).toEqual([8.5, 9.5, 10.5]);
    expect([...littleIsEnough(honest, { factor: -1 })]).toEqual([1, 2, 3]);
    expect(() => littleIsEnough(honest.slice(1, 2))).toThrow(invalid);
  });

  test('mimic sends a copy', () => {
    const row = mimic(honest, { whom: 1 });
    expect([...row]).toEqual([4, 5, 6]);
    row[0] = 0;
    expect(honest[1]![0]).toBe(4);
    expect(() => mimic(honest, { whom: 3 })).toThrow(invalid);
  });

  test('infinity', () => {
    expect([...infinite(honest)]).toEqual([Infinity, Infinity, Infinity]);
    expect(() => infinite([])).toThrow(invalid);
  });
});

/** Baruch et al.: with 50 workers and 24 liars, two supporters are needed: 24 of 26 honest, Φ(1.43) = 0.923. */
test('the factor that hides behind the honest', () => {
  expect(littleFactor(50, 24)).toBeCloseTo(1.426, 3);
  expect(() => littleFactor(3, 3)).toThrow(invalid);
});

/** Ten thousand draws: the mean is within five standard errors of 3, the deviation of 2. */
test('Gaussian, of the mean and the deviation that are asked for', () => {
  const options = { mean: 3, standardDeviation: 2, random: seededRandom('g') };
  const row: number[] = [...gaussian([new Float64Array(10_000)], options)];
  const centre = row.reduce((sum, value) => sum + value, 0) / row.length;
  const squares = row.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  expect(Math.abs(centre - 3)).toBeLessThan((5 * 2) / 100);
  expect(Math.abs(Math.sqrt(squares / row.length) - 2)).toBeLessThan((5 * 2) / 100 / Math.SQRT2);
  expect(gaussian([new Float32Array(4)], { random: seededRandom('g') })).toBeInstanceOf(Float32Array);
});

describe('the most harmful factor', () => {
  /** Of 3 honest and 1 liar the mean is (3μ − τμ)/4, ever further off: 10 + 20 + 40 + … after n steps. */
  test('against a mean it grows as long as it may', () => {
    const flip = (rows: readonly Row[], scale: number) => signFlip(rows, { scale });
    const { factor, row } = mostHarmful(honest, 1, flip, (rows) => mean(rows), { evaluations: 5 });
    expect(factor).toBe(10 + 20 + 40 + 80);
    expect([...row]).toEqual([-600, -750, -900]);
  });

  test('against a median it stops where the median no longer follows', () => {
    const little = (rows: readonly Row[], factor: number) => littleIsEnough(rows, { factor });
    const { factor } = mostHarmful(honest, 1, little, (rows) => coordinateMedian(rows));
    // The median of 4 is halfway from 4 to what the liar says, up to 7: from a deviation of one on.
    expect(factor).toBeGreaterThanOrEqual(1);
    const harm = coordinateMedian([...honest, little(honest, factor)])[0]! - 4;
    expect(harm).toBe(1.5);
  });

  test('nobody lying does no harm', () => {
    const { factor } = mostHarmful(
      honest,
      0,
      (rows) => signFlip(rows),
      (rows) => trimmedMean(rows, 1),
    );
    expect(factor).toBe(0);
  });
});

test('labels are turned round, and what is no label is refused', () => {
  expect([...flipLabels(Uint16Array.of(0, 1, 9), 10)]).toEqual([9, 8, 0]);
  expect(() => flipLabels(Uint16Array.of(10), 10)).toThrow(
    expect.objectContaining({ code: 'data.unknown-label' }),
  );
});

/** Two images of 3 × 3: half of them get one bright pixel, one from the lower right corner. */
test('a trigger is planted on the first part of the images', () => {
  const inputs = new Uint8Array(18);
  const targets = Uint16Array.of(3, 4);
  const trigger = { width: 3, height: 3, side: 1, brightness: 255, label: 7 };
  const planted = plantTrigger({ inputs, targets }, trigger, 0.5);
  expect([...planted.targets]).toEqual([7, 4]);
  expect([...planted.inputs].flatMap((value, i) => (value > 0 ? [i] : []))).toEqual([4]);
  expect([...inputs, ...targets].filter((value) => value > 4)).toEqual([]);
  expect(() => plantTrigger({ inputs: inputs.slice(1), targets }, trigger, 1)).toThrow(
    expect.objectContaining({ code: 'data.wrong-shape' }),
  );
});
