import { describe, expect, test } from 'vitest';
import { type FederationInput, parseFederation } from '../federation/index.ts';
import { layoutOf } from '../update/index.ts';
import { encodingOf, trainedCoordinates } from './encoding.ts';
import { pipelineOf, planCompression } from './planner.ts';
import { wireCost } from './wire-cost.ts';

type Compression = NonNullable<NonNullable<FederationInput['strategy']>['compression']>;

/** 199,210 parameters. */
const twoLayers = layoutOf([
  { name: 'first/kernel', shape: [784, 200] },
  { name: 'first/bias', shape: [200] },
  { name: 'second/kernel', shape: [200, 200] },
  { name: 'second/bias', shape: [200] },
  { name: 'third/kernel', shape: [200, 10] },
  { name: 'third/bias', shape: [10] },
]);
const FLOATS = 4 * 199_210;

function federation(compression: Compression, more: Partial<FederationInput> = {}) {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'few-bytes',
    name: 'Few bytes',
    data: { kind: 'records', features: 784 },
    model: { layers: [{ type: 'dense', units: 10 }], loss: 'meanSquaredError' },
    strategy: { type: 'fedavg', weighting: 'uniform', compression },
    cohort: { minParticipants: 3, groupSize: 10 },
    privacy: { secureAggregation: 'secagg' },
    paths: ['server'],
    ...more,
  } as FederationInput);
}

const plan = (ratio: number, more: Partial<FederationInput> = {}) =>
  planCompression(federation({ uploadBytes: Math.floor(FLOATS / ratio) }, more), twoLayers);

describe('Z-09: a budget', () => {
  test.each([
    [1, 24, 1],
    [1.9, 16, 1],
    [2.6, 12, 1],
    [3.9, 8, 1],
    [8, 8, 495],
    [32, 8, 110],
  ] as const)('of float32 over %d: %d bits of %d / 1024 coordinates', (ratio, bits, kept) => {
    const { chosen, budgetBytes } = plan(ratio);
    expect(chosen.cost.upBytes).toBeLessThanOrEqual(budgetBytes);
    expect(chosen.stages.bits).toBe(bits);
    if (kept === 1) return expect(chosen.stages.keep).toBeUndefined();
    expect(Math.abs(chosen.stages.keep! * 1024 - kept)).toBeLessThanOrEqual(3);
    // One step more would not fit.
    const more = { ...chosen.stages, keep: chosen.stages.keep! + 1 / 1024 };
    expect(pipelineOf(federation({ bits: 8 }), twoLayers, more).cost.upBytes).toBeGreaterThan(budgetBytes);
  });

  test('is met with the least error that was considered, by arithmetic', () => {
    const { chosen, considered, budgetBytes, plain } = plan(8);
    const within = considered.filter(({ cost }) => cost.upBytes <= budgetBytes);
    expect(within.length).toBeGreaterThan(3);
    expect(considered.length).toBeGreaterThan(within.length);
    expect(Math.min(...within.map(({ relativeError }) => relativeError))).toBe(chosen.relativeError);
    // s² = 1 − keep; 8 bits of ten: about a tenth.
    expect(chosen.sketchError ** 2).toBeCloseTo(1 - chosen.stages.keep!, 5);
    expect(chosen.roundingError).toBeGreaterThan(0.08);
    expect(chosen.roundingError).toBeLessThan(0.11);
    expect(plain.upBytes).toBeGreaterThan(FLOATS);
    expect(plain.upBytes).toBeLessThan(FLOATS + 10_000);
  });

  test('of a mesh has to do for the sums of slices too', () => {
    const mesh = plan(8, { paths: ['direct', 'relay', 'server'] });
    expect(mesh.chosen.stages.keep!).toBeLessThan(0.55 * plan(8).chosen.stages.keep!);
  });

  test('beside noise that hides participants chooses a part alone', () => {
    const { chosen } = plan(8, {
      privacy: {
        secureAggregation: 'secagg',
        participant: { trust: 'distributed', noiseMultiplier: 1, colluding: 1 },
      },
    });
    expect(chosen.stages.bits).toBeUndefined();
    expect(chosen.stages.keep).toBeLessThan(0.25);
    expect(chosen.cost.upBytes).toBeLessThanOrEqual(FLOATS / 8);
  });

  test('gives every device the same encoding, and the same coordinates of the same base', () => {
    const policy = federation({ uploadBytes: 99_605 });
    const encoding = encodingOf(policy, twoLayers);
    const { keep } = planCompression(policy, twoLayers).chosen.stages;
    expect(encoding).toMatchObject({
      kind: 'lattice',
      bits: 8,
      sketch: { count: Math.ceil(keep! * 199_210) },
    });
    expect(encodingOf(structuredClone(policy), twoLayers)).toEqual(encoding);
    expect(trainedCoordinates(encoding, 'base')).toHaveLength(Math.ceil(keep! * 199_210));
  });

  test('Z-10: that nothing meets is refused, with the arithmetic', () => {
    const refused = () => plan(1000);
    expect(refused).toThrow(expect.objectContaining({ code: 'compress.no-pipeline' }));
    expect(refused).toThrow(
      /at least \d+ bytes, of which \d+ are keys, shares, headers and copies, received 796/,
    );
  });
});

test('Z-09: what a rank leaves out', () => {
  const { sketchError, stages, cost } = pipelineOf(federation({ rank: 20 }), twoLayers, {
    rank: 20,
    bits: 16,
  });
  expect(stages).toEqual({ rank: 20, bits: 16 });
  // 784 × 200 and 200 × 200 lose nine tenths each; 200 × 10 is sent as it is.
  expect(sketchError ** 2).toBeCloseTo((0.9 * (156_800 + 40_000)) / 199_210, 6);
  const elements = 784 * 20 + 200 * 20 + 200 + 200 + 2000 + 10 + 2;
  expect(cost.upBytes - cost.overheadUpBytes).toBe(2 * elements);
});

describe('Z-09: bytes of a round', () => {
  const shape = { elements: 1000, bits: 8, groupSize: 10, isMesh: false, isSecure: false };

  test('by the server: up as down, the vector and headers', () => {
    const { upBytes, downBytes, overheadUpBytes } = wireCost(shape);
    expect(upBytes - overheadUpBytes).toBe(1000);
    expect(overheadUpBytes).toBeLessThan(500);
    expect(downBytes).toBeLessThan(1000 + 3000);
  });

  test('in a mesh nine tenths twice, in secure rounds with check words and a tenth for a deputy', () => {
    const large = { ...shape, elements: 1_000_000, isMesh: true };
    expect(wireCost(large).upBytes / 1e6).toBeCloseTo(1.8, 2);
    expect(wireCost({ ...large, isSecure: true }).upBytes / 1e6).toBeCloseTo(1.9, 1);
  });

  test('grow with neighbours, not with the group', () => {
    const secure = { ...shape, isSecure: true };
    const [small, large] = [100, 4000].map((groupSize) => wireCost({ ...secure, groupSize }).upBytes);
    expect(large! / small!).toBeLessThan(8);
  });
});
