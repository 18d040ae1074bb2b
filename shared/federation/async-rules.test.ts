import { describe, expect, test } from 'vitest';
import { MurmurationError } from '../errors/index.ts';
import { parseFederation } from './document.ts';
import { sampleFederations } from './samples.ts';

type Fields = Record<string, unknown>;

/** A plain federation of asynchronous rounds, with changes. */
function parse(strategy: Fields = {}, rest: Fields = {}) {
  const sample = sampleFederations[0]! as unknown as Fields;
  const { privacy: _, ...plain } = sample;
  return parseFederation({ ...plain, strategy: { type: 'fedbuff', ...strategy }, ...rest });
}

function refusal(strategy: Fields, rest: Fields = {}) {
  try {
    parse(strategy, rest);
  } catch (thrown) {
    if (thrown instanceof MurmurationError) return thrown;
    throw thrown;
  }
  throw new Error('it was accepted');
}

const secure = { cohort: { minParticipants: 6 }, evaluation: 'none' };
const hidden = (trust: string) => ({
  ...secure,
  privacy: { secureAggregation: 'secagg', participant: { trust, noiseMultiplier: 1 } },
});

describe('F-24: what goes with asynchronous rounds', () => {
  test('plain ones, of examples or of participants', () => {
    expect(parse().strategy).toMatchObject({ type: 'fedbuff', maxStaleness: 20, stalenessExponent: 0.5 });
    expect(parse({ weighting: 'uniform', compression: { bits: 12, rank: 2 } }).strategy.type).toBe('fedbuff');
  });

  test.each(['distributed', 'local'])('%s noise, where staleness is not weighed', (trust) => {
    const strategy = { weighting: 'uniform', stalenessExponent: 0 };
    expect(parse(strategy, hidden(trust)).strategy.type).toBe('fedbuff');
  });

  test.each<[string, Fields, Fields]>([
    ['strategy.selection', { selection: { by: 'fairness' } }, {}],
    ['strategy.compression.keep', { compression: { keep: 0.5 } }, {}],
    ['strategy.compression.topK', { compression: { topK: 0.1 } }, {}],
    ['strategy.compression.uploadBytes', { compression: { uploadBytes: 100_000 } }, {}],
    ['strategy.stalenessExponent', { weighting: 'uniform' }, hidden('distributed')],
    ['strategy.stalenessExponent', { weighting: 'uniform' }, hidden('local')],
    [
      'strategy.stalenessExponent',
      { weighting: 'uniform', robust: { rule: { type: 'median' }, byzantine: 1 } },
      { cohort: { minParticipants: 6 }, paths: ['server'] },
    ],
    [
      'privacy.participant.trust',
      { weighting: 'uniform', stalenessExponent: 0 },
      { ...hidden('central'), paths: ['server'] },
    ],
  ])('not %s', (path, strategy, rest) => {
    const error = refusal(strategy, rest);
    expect([error.code, error.facts.path]).toEqual(['federation.invalid', path]);
  });
});
