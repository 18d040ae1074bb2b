import { describe, expect, it } from 'vitest';
import {
  type FederationInput,
  parseFederation,
  sampleFederations,
} from '../../../shared/federation/index.ts';
import { inspectedBy, inspectedSentence, robustWords } from './robust-words.ts';

const federationWith = (changes: Partial<FederationInput>) =>
  parseFederation({ ...sampleFederations[0]!, ...changes });
const trimmed = { rule: { type: 'trimmed-mean' }, byzantine: 1 } as const;
const uniform = { type: 'fedavg', weighting: 'uniform' } as const;
const overUpdates = {
  strategy: { ...uniform, robust: trimmed },
  cohort: { minParticipants: 5 },
  paths: ['server'],
} as const satisfies Partial<FederationInput>;
const overGroups = {
  strategy: { ...uniform, robust: trimmed },
  cohort: { minParticipants: 20, groupSize: 4, maxParticipants: 40 },
  privacy: { secureAggregation: 'secagg' },
  paths: ['server'],
} as const satisfies Partial<FederationInput>;

describe('what the server looks at one by one', () => {
  it('is nothing without a robust rule, or with one that is a mean', () => {
    expect(inspectedBy(federationWith({}))).toBe('nothing');
    const plain = { ...uniform, robust: { rule: { type: 'mean' }, byzantine: 0 } } as const;
    expect(inspectedBy(federationWith({ strategy: plain }))).toBe('nothing');
    expect(inspectedSentence('nothing')).toBeUndefined();
  });

  it('is the update itself, with its noise where the device adds all of it', () => {
    expect(inspectedBy(federationWith(overUpdates))).toBe('update');
    expect(inspectedSentence('update')).toContain('The server sees your update by itself');
    const privacy = { participant: { trust: 'local', noiseMultiplier: 2 } } as const;
    expect(inspectedBy(federationWith({ ...overUpdates, privacy }))).toBe('noisy-update');
  });

  it('is the sum of a group where there are groups', () => {
    expect(inspectedBy(federationWith(overGroups))).toBe('group-sum');
  });
});

describe('a robust rule in words', () => {
  it('names what it leaves out, and how many it needs', () => {
    const words = robustWords(federationWith(overUpdates))!;
    expect(words.name).toBe('Trimmed mean');
    expect(words.sentences).toEqual([
      'Of each number of the model the largest and the smallest among the updates are left out, and the mean of the others is taken.',
    ]);
    expect(words.arithmetic).toBe('n ≥ 2f + 1 = 3');
  });

  it('speaks of group sums where these are put together, and of what comes before', () => {
    const robust = {
      ...trimmed,
      normBound: 'median',
      mixing: 'nearest-neighbours',
      screening: 'held-out',
    } as const;
    const { sentences } = robustWords(
      federationWith({ ...overGroups, strategy: { ...uniform, robust }, evaluation: 'server' }),
    )!;
    expect(sentences).toHaveLength(4);
    expect(sentences[0]).toContain('tries each of the group sums');
    expect(sentences[1]).toContain('the median of their lengths');
    expect(sentences[3]).toContain('among the group sums');
  });

  it.each([
    ['Coordinate-wise median', { type: 'median' }, 'middle'],
    ['Geometric median', { type: 'geometric-median' }, 'distances'],
    ['Krum', { type: 'krum' }, 'n − 1 − 2'],
    ['Multi-Krum', { type: 'multi-krum' }, 'n − 1 updates'],
    ['Multi-Krum', { type: 'multi-krum', select: 5 }, 'mean of the 5 updates'],
    ['Bulyan', { type: 'bulyan' }, 'n − 2 updates'],
    ['Centred clipping', { type: 'centred-clipping' }, '3 times over'],
    ['Centred clipping', { type: 'centred-clipping', radius: 2, iterations: 1 }, 'farther than 2'],
  ] as const)('%s', (name, rule, part) => {
    const strategy = { ...uniform, robust: { rule, byzantine: 1 } };
    const words = robustWords(federationWith({ ...overUpdates, strategy, cohort: { minParticipants: 7 } }))!;
    expect(words.name).toBe(name);
    expect(words.sentences.join(' ')).toContain(part);
  });
});
