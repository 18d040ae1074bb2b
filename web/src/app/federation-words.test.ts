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
    expect(caution).toContain('from your updates');
  });

  it('with secure aggregation is masked, and the sum is what everyone sees', () => {
    const { leaves, caution } = disclosed(secure);
    expect(leaves[0]).toContain('Everyone can see that sum, of at least 5 updates.');
    expect(leaves.join(' ')).not.toContain('see that slice');
    expect(leaves.at(-1)).toContain('each sealed for one participant');
    expect(caution).toContain('from the sums and from the model');
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
