import { describe, expect, it } from 'vitest';
import {
  type FederationInput,
  parseFederation,
  sampleFederations,
} from '../../../shared/federation/index.ts';
import { disclosureOf, trainingFacts } from './federation-words.ts';

const disclosed = (changes: Partial<FederationInput>) =>
  disclosureOf(parseFederation({ ...sampleFederations[0]!, ...changes }));
const secure = { privacy: { secureAggregation: 'secagg' }, cohort: { minParticipants: 5 } } as const;

describe('what leaves the device', () => {
  it('in a plain federation are slices that others see', () => {
    const { leaves, caution } = disclosed({});
    expect(leaves[0]).toContain('can see that slice of your update');
    expect(leaves).toContainEqual(expect.stringContaining('also when you leave'));
    expect(caution).toContain('from your updates');
  });

  it('with secure aggregation is masked, and the sum is what everyone sees', () => {
    const { leaves, caution } = disclosed(secure);
    expect(leaves[0]).toContain('Everyone can see that sum, of at least 5 updates.');
    expect(leaves.join(' ')).not.toContain('see that slice');
    expect(leaves.at(-1)).toContain('each sealed for one participant');
    expect(caution).toContain('from the sums and from the model');
  });

  it('says that a clipping norm may move', () => {
    const { leaves } = disclosed({
      strategy: { type: 'fedavg', weighting: 'uniform', clipNorm: 3 },
      privacy: { participant: { trust: 'local', noiseMultiplier: 1, adaptiveClipping: {} } },
    });
    expect(leaves[1]).toContain('to an L2 norm of 3 at first, and then what most need.');
    expect(disclosed({}).leaves[1]).not.toContain('at first');
  });

  it('goes to the server whole where only it adds up', () => {
    const { leaves } = disclosed({ paths: ['server'] });
    expect(leaves[0]).toContain('The server adds up, and can see your whole update.');
    expect(leaves.join(' ')).not.toContain('Where participants cannot reach each other');
  });
});

it('says among the facts whether updates are added up securely', () => {
  const factOf = (changes: Partial<FederationInput>) =>
    new Map(trainingFacts(parseFederation({ ...sampleFederations[0]!, ...changes }))).get(
      'Secure aggregation',
    );
  expect(factOf(secure)).toMatch(/^yes: updates are masked/);
  expect(factOf({})).toMatch(/^no/);
});

describe('noise', () => {
  const record = { clipNorm: 1, noiseMultiplier: 1.1 } as const;
  const uniform = { type: 'fedavg', weighting: 'uniform' } as const;
  const federationWith = (privacy: FederationInput['privacy']): Partial<FederationInput> => ({
    privacy,
    strategy: uniform,
    cohort: { minParticipants: 6, groupSize: 10 },
  });

  it('is told as what it is, and what it adds up to', () => {
    const { leaves, caution } = disclosed({ privacy: { record, budget: { epsilon: 2 } } });
    expect(leaves[0]).toContain('random noise of 1.1 times that is added');
    expect(caution).toContain('makes single examples hard to work out');
    expect(caution).toContain('refuses every round that would bring it above 2');
  });

  it('of all together is a share, and suffices without those who collude', () => {
    const participant = { trust: 'distributed', noiseMultiplier: 1.2, colluding: 2 } as const;
    const { leaves, caution } = disclosed(federationWith({ participant, secureAggregation: 'secagg' }));
    expect(leaves[0]).toContain('with a share of noise');
    expect(leaves[0]).toContain('even without those of 2');
    expect(caution).toContain('hard to tell whether you took part');
    expect(caution).toContain('sets no budget');
  });

  it('of the server is not in what leaves the device', () => {
    const participant = { trust: 'central', noiseMultiplier: 1 } as const;
    const { leaves, caution } = disclosed({ ...federationWith({ participant }), paths: ['server'] });
    expect(leaves[0]).toContain('the server adds 1 times');
    expect(caution).toContain('for everyone but the server');
  });

  it('and its budget are among the facts', () => {
    const facts = trainingFacts(
      parseFederation({
        ...sampleFederations[0]!,
        ...federationWith({
          record,
          participant: { trust: 'local', noiseMultiplier: 4 },
          budget: { epsilon: 8 },
        }),
      }),
    );
    expect(facts.filter(([name]) => name === 'Noise').map(([, value]) => value)).toEqual([
      '1.1 times: single examples, on each device',
      '4 times: whole participants, noise on each device',
    ]);
    expect(new Map(facts).get('Privacy budget')).toBe('epsilon 8 for each participant, delta 10⁻⁵');
  });
});
