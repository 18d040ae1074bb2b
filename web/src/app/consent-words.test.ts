import { expect, it } from 'vitest';
import {
  type FederationInput,
  parseFederation,
  sampleFederations,
} from '../../../shared/federation/index.ts';
import { termsOf } from './consent-terms.ts';
import { changedTerms } from './consent-words.ts';

const terms = (changes: Partial<FederationInput> = {}) =>
  termsOf(parseFederation({ ...sampleFederations[0]!, ...changes }));
const record = { clipNorm: 1, noiseMultiplier: 1.1 } as const;

it('finds nothing where nothing changed that privacy depends on', () => {
  expect(changedTerms(terms(), terms({ description: 'Other words.', rounds: { maximum: 7 } }))).toEqual([]);
});

it('shows noise that went away, before and now', () => {
  expect(changedTerms(terms({ privacy: { record } }), terms())).toEqual([
    {
      what: 'Noise that hides single examples',
      before: '1.1 times what an example can change, which is 1; batches drawn by coins',
      now: 'none',
    },
  ]);
});

it('shows each of several changes', () => {
  const before = terms({ privacy: { record, budget: { epsilon: 2 } } });
  const now = terms({
    privacy: { record: { ...record, noiseMultiplier: 0.5 }, budget: { epsilon: 8, delta: 1e-6 } },
    paths: ['server'],
    cohort: { minParticipants: 5 },
  });
  const changes = changedTerms(before, now);
  expect(changes.map(({ what }) => what)).toEqual([
    'Noise that hides single examples',
    'Budget',
    'Fewest participants of a round',
    'Ways between participants',
  ]);
  expect(changes[1]).toMatchObject({
    before: 'epsilon at most 2, delta 10⁻⁵',
    now: 'epsilon at most 8, delta 10⁻⁶',
  });
});

it('shows that single updates are looked at, also to those who agreed before there was such a thing', () => {
  const robust = { rule: { type: 'median' }, byzantine: 1 } as const;
  const cohort = { minParticipants: 3 };
  const paths = ['server'] as const satisfies FederationInput['paths'];
  const { inspected: _, along: __, selection: ___, ...old } = terms({ cohort, paths });
  const now = terms({ cohort, paths, strategy: { type: 'fedavg', weighting: 'uniform', robust } });
  expect(changedTerms(old, now)).toEqual([
    {
      what: 'The server looks one by one at',
      before: 'nothing: it is added up',
      now: 'your update by itself',
    },
  ]);
});

it('shows what begins to go along with an update, and a selection by what devices tell', () => {
  const strategy = { type: 'qfedavg', selection: { by: 'resources' } } as const;
  expect(changedTerms(terms(), terms({ strategy })).map(({ what }) => what)).toEqual([
    'Beside the update',
    'Who is invited is chosen by',
  ]);
});
