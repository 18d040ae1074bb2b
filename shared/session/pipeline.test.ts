import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { encodingOf, fixedPointOf } from '../compress/index.ts';
import { type Federation, type ParticipantPrivacy, parseFederation } from '../federation/index.ts';
import { createNoise } from '../privacy/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import type { LocalUpdate, MaskedUpdate, RecordNoise } from '../update/index.ts';
import { addMissingNoise, maskNone, plannedRelease, protectUpdate } from './pipeline.ts';

const federation = {
  strategy: {
    type: 'fedavg',
    serverLearningRate: 1,
    weighting: 'examples',
    maxExamples: 8,
    clipNorm: 1,
  },
  privacy: { secureAggregation: 'none' },
  cohort: { minParticipants: 2, groupSize: 2 },
  rounds: { maximum: 100, checkpointEvery: 1 },
} as const satisfies Pick<Federation, 'strategy' | 'privacy' | 'cohort' | 'rounds'>;
const fixedPoint = fixedPointOf(federation);
const random: CryptoRandom = { kind: 'crypto', bytes: (length) => new Uint8Array(randomBytes(length)) };
const facts = { baseHash: 'base', invited: 2, random, noise: createNoise(random) };

function local(delta: number[], examples = 5) {
  return { layoutHash: 'layout', delta: Float32Array.from(delta), examples };
}

test('U-01: clip, then quantize; the report and the release say what was done', () => {
  const { update, report, release } = protectUpdate(local([3, 4]), federation, fixedPoint, facts);
  const unit = 5 * 2 ** fixedPoint.fractionalBits;
  expect(update).toMatchObject({ layoutHash: 'layout', weight: 5 });
  expect([...update.values].map((value) => value / unit)).toEqual([
    expect.closeTo(0.6, 6),
    expect.closeTo(0.8, 6),
  ]);
  expect(report).toEqual({ norm: 5, clipped: true });
  expect(release).toEqual({ mechanism: 'none', released: 'update', clipNorm: 1, weight: 5 });
});

test('U-01: without secure aggregation the slices are the integers themselves', () => {
  const { update } = protectUpdate(local([3, 4, 0]), federation, fixedPoint, facts);
  const { masking, weight, slices } = maskNone(update, 2, fixedPoint);
  expect({ masking, weight }).toEqual({ masking: 'none', weight: 5 });
  expect(slices.map((bytes) => [...new Int32Array(bytes.slice().buffer)])).toEqual([
    [update.values[0]],
    [update.values[1], update.values[2]],
  ]);
});

test('U-01: what is sent is masked: else it does not compile', () => {
  const { update } = protectUpdate(local([3, 4]), federation, fixedPoint, facts);
  // @ts-expect-error: not masked yet.
  const sent: MaskedUpdate = update;
  // @ts-expect-error: what an owner may see is not what secure aggregation sends.
  const secret: MaskedUpdate<'secagg'> = maskNone(update, 1, fixedPoint);
  expect([sent.weight, secret.masking]).toEqual([5, 'none']);
});

test('R-10: the weight is the number of examples, capped', () => {
  expect(protectUpdate(local([0, 1], 100), federation, fixedPoint, facts).update.weight).toBe(8);
});

test('U-02: without examples there is nothing to send', () => {
  expect(() => protectUpdate(local([0, 1], 0), federation, fixedPoint, facts)).toThrow(
    expect.objectContaining({ code: 'data.empty' }),
  );
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 3e38])('U-04: an update with %s is not sent', (value) => {
  // The square of 3e38 is still finite in doubles: such an update is only long, and clipped.
  const run = () => protectUpdate(local([value, 1]), federation, fixedPoint, facts);
  if (value === 3e38) expect(run().report.clipped).toBe(true);
  else expect(run).toThrow(expect.objectContaining({ code: 'update.non-finite' }));
});

describe('a federation that promises record-level privacy', () => {
  const record = { clipNorm: 1, noiseMultiplier: 1.1, sampling: 'poisson' } as const;
  const promising = {
    ...federation,
    privacy: { secureAggregation: 'none', record },
  } as const;
  const spent: RecordNoise = { ...record, samplingRate: 0.02, steps: 50 };
  const trained = (recordNoise?: RecordNoise): LocalUpdate =>
    recordNoise === undefined ? local([3, 4]) : { ...local([3, 4]), recordNoise };

  test('D-06: writes down what training spent', () => {
    expect(protectUpdate(trained(spent), promising, fixedPoint, facts).release).toEqual({
      mechanism: 'sampled-gaussian',
      released: 'update',
      weight: 5,
      clipNorm: 1,
      noiseMultiplier: 1.1,
      sampling: 'poisson',
      samplingRate: 0.02,
      steps: 50,
    });
  });

  test('takes more noise than it asked for', () => {
    const more = { ...spent, noiseMultiplier: 2, clipNorm: 0.5 };
    expect(protectUpdate(trained(more), promising, fixedPoint, facts).release).toMatchObject(more);
  });

  test.each<[string, RecordNoise | undefined, string]>([
    ['no noise', undefined, 'no noise'],
    ['weaker noise', { ...spent, noiseMultiplier: 1 }, 'poisson sampling, noise multiplier 1, clip norm 1'],
    ['longer gradients', { ...spent, clipNorm: 2 }, 'poisson sampling, noise multiplier 1.1, clip norm 2'],
    ['other sampling', { ...spent, sampling: 'fixed' }, 'fixed sampling, noise multiplier 1.1, clip norm 1'],
    [
      'noise that is no number',
      { ...spent, noiseMultiplier: Number.NaN },
      'poisson sampling, noise multiplier NaN, clip norm 1',
    ],
  ])('U-07: sends nothing that was trained with %s', (_, noise, received) => {
    expect(() => protectUpdate(trained(noise), promising, fixedPoint, facts)).toThrow(
      expect.objectContaining({
        code: 'privacy.policy-unmet',
        facts: expect.objectContaining({ path: 'privacy.record', received }),
      }),
    );
  });
});

describe('a federation that hides participants', () => {
  const dimension = 200;
  const participant = {
    trust: 'distributed',
    noiseMultiplier: 1,
    colluding: 1,
    mechanism: 'independent',
  } as const;
  const hiding = (change: Partial<ParticipantPrivacy> = {}, cohort = { minParticipants: 3, groupSize: 16 }) =>
    ({
      ...federation,
      strategy: { ...federation.strategy, weighting: 'uniform' },
      cohort,
      privacy: { secureAggregation: 'secagg', participant: { ...participant, ...change } },
    }) as const;
  /** Notes how much noise was asked for, and adds one to every coordinate. */
  function ones() {
    const variances: number[] = [];
    return {
      variances,
      addSkellam(values: Int32Array, variance: number) {
        variances.push(variance);
        values.forEach((value, i) => {
          values[i] = value + 1;
        });
      },
    };
  }
  const zero = { layoutHash: 'layout', delta: new Float32Array(dimension), examples: 5 };
  const gridFor = (policy: ReturnType<typeof hiding>) => {
    const encoding = encodingOf(policy, dimension);
    if (encoding.kind !== 'grid') throw new Error('no grid');
    return encoding;
  };

  test('N-01: clip, rotate, round, noise: of nothing the noise is left, and the report says what was clipped', () => {
    const noise = ones();
    const grid = gridFor(hiding());
    const { update, report } = protectUpdate(zero, hiding(), grid, { ...facts, invited: 6, noise });
    expect(new Set(update.values)).toEqual(new Set([1]));
    expect(report).toEqual({ norm: 0, clipped: false });
    const long = { ...zero, delta: new Float32Array(dimension).fill(9) };
    const sent = protectUpdate(long, hiding(), grid, {
      ...facts,
      invited: 6,
      noise: { addSkellam: () => undefined },
    });
    expect(sent.report.clipped).toBe(true);
    const norm = Math.sqrt(sent.update.values.reduce((sum, value) => sum + value * value, 0));
    expect(norm).toBeLessThanOrEqual(grid.l2Sensitivity);
    expect(norm).toBeGreaterThan(0.99 * grid.scale);
  });

  test('N-12: per layer, each of four is clipped to half of the norm', () => {
    const policy = hiding({ clipping: 'per-layer' });
    const grid = gridFor(policy);
    const layers = [50, 50, 50, 50];
    const silent = { ...facts, invited: 6, noise: { addSkellam: () => undefined }, layers };
    const lengthOf = (delta: Float32Array<ArrayBuffer>): number => {
      const { update } = protectUpdate({ ...zero, delta }, policy, grid, silent);
      return Math.sqrt(update.values.reduce((sum, value) => sum + value * value, 0)) / grid.scale;
    };
    // 50 · 9² is far beyond: one layer has norm ½, all four have norm 1.
    expect(lengthOf(new Float32Array(dimension).fill(9, 0, 50))).toBeCloseTo(0.5, 1);
    expect(lengthOf(new Float32Array(dimension).fill(9))).toBeCloseTo(1, 1);
  });

  test.each([
    // ⌈2 · 6 / 3⌉ − 1 = 3 shares are certain.
    ['distributed', 6, 1 / 3],
    ['distributed', 16, 1 / 10],
    ['local', 6, 1],
  ] as const)('N-03 N-04: with %s noise and %i invited each adds %d of it', (trust, invited, part) => {
    const policy = hiding({ trust });
    const grid = gridFor(policy);
    const noise = ones();
    protectUpdate(zero, policy, grid, { ...facts, invited, noise });
    expect(noise.variances).toEqual([expect.closeTo(part * grid.noiseVariance, 3)]);
  });

  test('N-09: with central noise the device adds none', () => {
    const policy = hiding({ trust: 'central' });
    const noise = ones();
    const { update } = protectUpdate(zero, policy, gridFor(policy), { ...facts, noise });
    expect(noise.variances).toEqual([]);
    expect(new Set(update.values)).toEqual(new Set([0]));
  });

  test('N-04: where no share is certain nothing is sent', () => {
    const run = () =>
      protectUpdate(zero, hiding({ colluding: 2 }), gridFor(hiding()), { ...facts, invited: 3 });
    expect(run).toThrow(expect.objectContaining({ code: 'privacy.policy-unmet' }));
  });

  test('N-08: noise that does not fit the ring wraps around', () => {
    const policy = { ...hiding(), strategy: { ...hiding().strategy, quantizationBits: 16 } };
    const noise = {
      addSkellam(values: Int32Array) {
        values.fill(2 ** 15, 0, 1);
        values.fill(-(2 ** 15) - 1, 1, 2);
        values.fill(2 ** 15 - 1, 2, 3);
      },
    };
    const { update } = protectUpdate(zero, policy, gridFor(policy), { ...facts, invited: 6, noise });
    expect([...update.values.subarray(0, 3)]).toEqual([-(2 ** 15), 2 ** 15 - 1, 2 ** 15 - 1]);
  });

  describe('the release', () => {
    test.each(['distributed', 'local', 'central'] as const)(
      'N-02: with %s noise: what the sum is protected by, at least',
      (trust) => {
        const policy = hiding({ trust, noiseMultiplier: 2 });
        const { l1Sensitivity, l2Sensitivity, noiseVariance } = gridFor(policy);
        const { release } = protectUpdate(zero, policy, gridFor(policy), { ...facts, invited: 6 });
        expect(release).toEqual({
          mechanism: 'participant-noise',
          released: 'update',
          weight: 1,
          clipNorm: 1,
          trust,
          event: { mechanism: 'skellam', variance: noiseVariance, l1Sensitivity, l2Sensitivity, dimension },
        });
        expect(Math.sqrt(noiseVariance) / l2Sensitivity).toBeCloseTo(2, 6);
      },
    );

    test('N-02: of a tree, one participation', () => {
      const policy = hiding({ trust: 'central', mechanism: 'tree' });
      const { release } = protectUpdate(zero, policy, gridFor(policy), facts);
      expect(release).toMatchObject({
        event: {
          mechanism: 'tree-aggregation',
          noiseMultiplier: 1,
          steps: 100,
          maxParticipations: 1,
          minSeparation: 0,
        },
      });
    });

    test('N-02: with record-level privacy as well it holds both', () => {
      const record = { clipNorm: 1, noiseMultiplier: 1.1, sampling: 'poisson' } as const;
      const policy = { ...hiding(), privacy: { ...hiding().privacy, record } };
      const recordNoise = { ...record, samplingRate: 0.02, steps: 50 };
      const run = (local: LocalUpdate) =>
        protectUpdate(local, policy, gridFor(policy), { ...facts, invited: 6 });
      expect(run({ ...zero, recordNoise }).release).toMatchObject({
        mechanism: 'participant-noise',
        record: recordNoise,
      });
      expect(() => run(zero)).toThrow(expect.objectContaining({ code: 'privacy.policy-unmet' }));
    });

    const document = {
      format: 'murmuration/federation',
      formatVersion: 1,
      id: 'planned',
      name: 'Planned',
      data: { kind: 'records', features: 5 },
      model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
      training: { batchSize: 10, epochs: 2 },
      strategy: { type: 'fedavg', weighting: 'uniform', clipNorm: 1 },
      cohort: { minParticipants: 3 },
    } as const;

    test.each([
      [undefined, undefined],
      [{ clipNorm: 1, noiseMultiplier: 1.1, sampling: 'poisson' } as const, undefined],
      [undefined, { ...participant, trust: 'local' } as const],
      [{ clipNorm: 1, noiseMultiplier: 1.1, sampling: 'fixed' } as const, participant],
    ])('N-02: is known before training: record %j, participant %j', (record, hidden) => {
      const privacy = { secureAggregation: 'secagg', record, participant: hidden } as const;
      const federation = parseFederation({ ...document, privacy });
      const planned = plannedRelease(federation, { examples: 200, cohortSize: 6, dimension });
      const recordNoise = record && { ...record, samplingRate: 0.05, steps: 40 };
      const local = { ...zero, examples: 200, ...(recordNoise === undefined ? {} : { recordNoise }) };
      const encoding = encodingOf(federation, dimension);
      const { release } = protectUpdate(local, federation, encoding, { ...facts, invited: 6 });
      expect(planned).toEqual(release);
    });

    test('N-04: is refused before training where so few cannot hide one of them', () => {
      const run = () =>
        plannedRelease({ ...parseFederation(document), ...hiding({ colluding: 2 }) } as Federation, {
          examples: 10,
          cohortSize: 3,
          dimension,
        });
      expect(run).toThrow(expect.objectContaining({ code: 'privacy.policy-unmet' }));
    });
  });

  describe('another attempt with fewer participants', () => {
    const grid = gridFor(hiding());
    const first = () => protectUpdate(zero, hiding(), grid, { ...facts, invited: 16, noise: ones() }).update;

    test('N-04: what is missing is added: of 10 shares to one of 3', () => {
      const noise = ones();
      const before = first();
      const update = addMissingNoise(before, hiding(), grid, { invited: 6, noise });
      expect(noise.variances).toEqual([expect.closeTo(grid.noiseVariance * (1 / 3 - 1 / 10), 3)]);
      expect(update.shares).toBe(3);
      expect(new Set(update.values)).toEqual(new Set([2]));
      expect(new Set(before.values)).toEqual(new Set([1]));
    });

    test('with more of them the noise suffices', () => {
      const noise = ones();
      const update = first();
      expect(addMissingNoise(update, hiding(), grid, { invited: 16, noise })).toBe(update);
      expect(noise.variances).toEqual([]);
    });

    test('N-04: with too few nothing is sent', () => {
      const run = () =>
        addMissingNoise(first(), hiding({ colluding: 3 }), grid, { invited: 3, noise: ones() });
      expect(run).toThrow(expect.objectContaining({ code: 'privacy.policy-unmet' }));
    });
  });
});
