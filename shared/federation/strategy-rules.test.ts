import { describe, expect, test } from 'vitest';
import { type FederationInput, parseFederation } from './document.ts';
import { strategyExtras, strategySlots } from './strategy-extras.ts';

const document = (strategy: FederationInput['strategy'], more: Partial<FederationInput> = {}) => ({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'rules',
  name: 'Rules',
  data: { kind: 'records', features: 1 },
  model: { layers: [{ type: 'dense', units: 1 }], loss: 'meanSquaredError' },
  strategy,
  ...more,
});
const SCAFFOLD = { type: 'scaffold', weighting: 'uniform', population: 10 } as const;
const FEDNOVA = { type: 'fednova' } as const;
const QFEDAVG = { type: 'qfedavg' } as const;
const refused = (path: string) =>
  expect.objectContaining({ code: 'federation.invalid', facts: expect.objectContaining({ path }) });
const LOCAL_NOISE = { participant: { trust: 'local', noiseMultiplier: 1 } } as const;
const sgd = (momentum: number) => ({ optimizer: { type: 'sgd', learningRate: 0.1, momentum } }) as const;

test.each([SCAFFOLD, FEDNOVA, QFEDAVG, { type: 'fedbuff' } as const])(
  '$type by itself is a document',
  (strategy) => {
    expect(parseFederation(document(strategy)).strategy.type).toBe(strategy.type);
  },
);

describe.each([SCAFFOLD, FEDNOVA, QFEDAVG])('F-15: $type', (strategy) => {
  test('does not go with noise on whole updates', () => {
    const input = document({ ...strategy, weighting: 'uniform' }, { privacy: LOCAL_NOISE });
    expect(() => parseFederation(input)).toThrow(refused('privacy.participant'));
  });
});

test('F-15: the loss of qfedavg does not go with record-level privacy; scaffold and fednova do', () => {
  const privacy = { record: { noiseMultiplier: 1 } };
  expect(() => parseFederation(document(QFEDAVG, { privacy }))).toThrow(refused('privacy.record'));
  for (const strategy of [SCAFFOLD, FEDNOVA])
    expect(parseFederation(document(strategy, { privacy })).privacy.record).toBeDefined();
});

test.each([SCAFFOLD, FEDNOVA])('F-16: $type needs plain local steps', (strategy) => {
  expect(() => parseFederation(document(strategy, { training: sgd(0.9) }))).toThrow(
    refused('training.optimizer.momentum'),
  );
  const training = { optimizer: { type: 'adam', learningRate: 0.01 } } as const;
  expect(() => parseFederation(document(strategy, { training }))).toThrow(refused('training.optimizer.type'));
  const nearer = parseFederation(document(strategy, { training: { ...sgd(0), proximal: 0.1 } }));
  expect(nearer.training.proximal).toBe(0.1);
});

test('F-16: qfedavg goes with any local optimizer', () => {
  expect(parseFederation(document(QFEDAVG, { training: sgd(0.9) })).strategy.type).toBe('qfedavg');
});

test('F-16: scaffold counts everyone the same', () => {
  expect(() => parseFederation(document({ ...SCAFFOLD, weighting: 'examples' }))).toThrow(
    refused('strategy.weighting'),
  );
});

test('F-17: fedbuff needs a server among its paths', () => {
  expect(() => parseFederation(document({ type: 'fedbuff' }, { paths: ['direct', 'relay'] }))).toThrow(
    refused('paths'),
  );
});

test('F-20: nothing is taken back by an accuracy that nobody measures, or that there is none of', () => {
  const classes: Partial<FederationInput> = {
    data: { kind: 'records', features: 1, target: { name: 'kind', type: 'class', labels: ['a', 'b'] } },
    model: { layers: [{ type: 'dense', units: 2 }], loss: 'softmaxCrossEntropy' },
  };
  const strategy = { type: 'fedavg', rollback: {} } as const;
  expect(() => parseFederation(document(strategy, classes))).toThrow(refused('strategy.rollback'));
  expect(() => parseFederation(document(strategy, { evaluation: 'server' }))).toThrow(
    refused('strategy.rollback'),
  );
  const taken = parseFederation(document(strategy, { ...classes, evaluation: 'server' }));
  expect(taken.strategy.rollback).toMatchObject({ afterRounds: 3 });
});

test('Y-02: what goes along: nothing, a number, or as many as the model has', () => {
  const extras = (['fedavg', 'fedbuff', 'fednova', 'qfedavg', 'scaffold'] as const).map((type) =>
    strategyExtras({ type }, 7),
  );
  expect(extras).toEqual([0, 0, 1, 1, 7]);
});

test('Y-01: how many vectors a strategy remembers', () => {
  const slots = (strategy: FederationInput['strategy']) =>
    strategySlots(parseFederation(document(strategy)).strategy);
  expect(slots({ type: 'fedavg' })).toBe(0);
  expect(slots({ type: 'fedavg', serverOptimizer: { type: 'sgd', momentum: 0.9 } })).toBe(1);
  expect(slots({ type: 'fedavg', serverOptimizer: { type: 'adagrad' } })).toBe(1);
  expect(slots({ ...SCAFFOLD, serverOptimizer: { type: 'yogi' } })).toBe(3);
});
