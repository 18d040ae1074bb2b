import { describe, expect, it } from 'vitest';
import {
  type FederationInput,
  parseFederation,
  sampleFederations,
} from '../../../shared/federation/index.ts';
import { nameOf, sendsAlong, strategySentences } from './strategy-words.ts';

const federationWith = (strategy: FederationInput['strategy'], training: FederationInput['training'] = {}) =>
  parseFederation({ ...sampleFederations[0]!, strategy, training });
const named = (strategy: FederationInput['strategy'], training: FederationInput['training'] = {}) => {
  const federation = federationWith(strategy, training);
  return nameOf(federation.strategy, federation.training);
};

describe('a strategy is named in the field’s terms', () => {
  it.each([
    ['FedAvg', { type: 'fedavg' }],
    ['FedAvg', { type: 'fedavg', serverOptimizer: { type: 'sgd' } }],
    ['FedAvgM', { type: 'fedavg', serverOptimizer: { type: 'sgd', momentum: 0.9 } }],
    ['FedAdam', { type: 'fedavg', serverOptimizer: { type: 'adam' } }],
    ['FedYogi', { type: 'fedavg', serverOptimizer: { type: 'yogi' } }],
    ['FedAdagrad', { type: 'fedavg', serverOptimizer: { type: 'adagrad' } }],
    ['SCAFFOLD', { type: 'scaffold', weighting: 'uniform', population: 10 }],
    ['FedNova', { type: 'fednova' }],
    ['q-FedAvg', { type: 'qfedavg' }],
    ['FedBuff', { type: 'fedbuff' }],
    ['FedBuff, with FedAdam at the server', { type: 'fedbuff', serverOptimizer: { type: 'adam' } }],
  ] as const)('%s', (name, strategy) => expect(named(strategy)).toBe(name));

  it('a pull towards the shared model is FedProx, beside another name where there is one', () => {
    const proximal = { proximal: 0.1 };
    expect(named({ type: 'fedavg' }, proximal)).toBe('FedProx');
    expect(named({ type: 'fedavg', serverOptimizer: { type: 'yogi' } }, proximal)).toBe(
      'FedYogi, with FedProx on the devices',
    );
    expect(named({ type: 'fedbuff', serverOptimizer: { type: 'adam' } }, proximal)).toBe(
      'FedBuff, with FedAdam at the server and FedProx on the devices',
    );
  });
});

it('says how old an update may be', () => {
  const [first] = strategySentences(federationWith({ type: 'fedbuff', maxStaleness: 7 }));
  expect(first).toContain('one more than 7 behind is not taken');
});

it('says what goes along with an update', () => {
  const along = (strategy: FederationInput['strategy']) => sendsAlong(federationWith(strategy));
  expect(along({ type: 'fedavg' })).toBeUndefined();
  expect(along({ type: 'qfedavg' })).toContain('mean loss');
  expect(along({ type: 'fednova' })).toContain('how many steps');
  expect(along({ type: 'fedbuff' })).toContain('from which version');
});
