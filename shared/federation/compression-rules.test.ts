import { describe, expect, test } from 'vitest';
import { type FederationInput, parseFederation } from './document.ts';

type Strategy = NonNullable<FederationInput['strategy']>;
type Compression = NonNullable<Strategy['compression']>;

function parse(
  compression: Compression,
  {
    strategy = {},
    privacy = {},
    paths,
    proximal = 0,
  }: {
    strategy?: object;
    privacy?: FederationInput['privacy'];
    paths?: readonly ['server'];
    proximal?: number;
  } = {},
) {
  return parseFederation({
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'few-bytes',
    name: 'Few bytes',
    data: { kind: 'records', features: 2 },
    model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
    strategy: { type: 'fedavg', ...strategy, compression } as Strategy,
    training: { proximal },
    cohort: { minParticipants: 3 },
    privacy,
    ...(paths === undefined ? {} : { paths: [...paths] }),
  });
}

const secure = { privacy: { secureAggregation: 'secagg' } } as const;
const noised = {
  strategy: { weighting: 'uniform' },
  privacy: {
    secureAggregation: 'secagg',
    participant: { trust: 'distributed', noiseMultiplier: 1, colluding: 1 },
  },
} as const;

const refusal = (path: string) =>
  expect.objectContaining({
    code: 'federation.invalid',
    facts: expect.objectContaining({ path: `strategy.compression${path}` }),
  });

test.each([
  [{ bits: 8 }, secure],
  [{ keep: 0.25, bits: 12 }, secure],
  [{ rank: 4 }, secure],
  [{ uploadBytes: 10_000 }, secure],
  [{ topK: 0.1, bits: 16, entropyCoding: true }, {}],
  [{ entropyCoding: true }, {}],
  [{ keep: 0.5 }, noised],
  [{ bits: 8 }, { strategy: { type: 'fednova' }, proximal: 0.1 }],
  [{ keep: 0.5 }, { strategy: { type: 'fednova' } }],
] as const)('%j is a compression', (compression, policy) => {
  expect(parse(compression, policy).strategy.compression).toMatchObject(compression);
});

describe('F-21: what depends on single coordinates goes with neither masks nor noise', () => {
  test.each([
    [{ topK: 0.1 }, secure, '.topK'],
    [{ entropyCoding: true }, secure, '.entropyCoding'],
    [{ topK: 0.1 }, noised, '.topK'],
    [{ keep: 0.5, entropyCoding: true }, noised, '.entropyCoding'],
  ] as const)('%j', (compression, policy, path) => {
    expect(() => parse(compression, policy)).toThrow(refusal(path));
  });
});

describe('F-22: one budget or stages, one sketch, one width', () => {
  test.each([
    [{ uploadBytes: 1000, keep: 0.5 }, {}, '.uploadBytes'],
    [{ uploadBytes: 1000, bits: 8 }, {}, '.uploadBytes'],
    [{}, {}, ''],
    [{ keep: 0.5, rank: 2 }, {}, '.keep'],
    [{ topK: 0.5, rank: 2 }, {}, '.topK'],
    [{ bits: 8 }, { strategy: { quantizationBits: 8 } }, '.bits'],
    [{ bits: 8 }, { strategy: { type: 'scaffold', population: 10, weighting: 'uniform' } }, ''],
    [{ keep: 0.5 }, { strategy: { type: 'fednova' }, proximal: 0.1 }, '.keep'],
    [{ uploadBytes: 10_000 }, { strategy: { type: 'fednova' }, proximal: 0.1 }, '.uploadBytes'],
  ] as const)('%j with %j', (compression, policy, path) => {
    expect(() => parse(compression, policy)).toThrow(refusal(path));
  });
});

describe('F-23: beside noise that hides participants there is keep alone', () => {
  test.each([
    [{ bits: 8 }, '.bits'],
    [{ keep: 0.5, bits: 16 }, '.bits'],
    [{ rank: 2 }, '.rank'],
  ] as const)('%j', (compression, path) => {
    expect(() => parse(compression, noised)).toThrow(refusal(path));
  });
});

test.each([{ keep: 0.5 }, { uploadBytes: 10_000 }])('F-23: %j and the noise of a tree', (compression) => {
  const privacy = { participant: { trust: 'central', noiseMultiplier: 1, mechanism: 'tree' } } as const;
  const policy = { strategy: { weighting: 'uniform' }, privacy, paths: ['server'] } as const;
  expect(() => parse(compression, policy)).toThrow(refusal(''));
});
