import { expect, test } from 'vitest';
import { fuzzSession } from '../testing/session-fuzz.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Seeds that once failed, each for another reason; `npm run fuzz:session` finds more. */
test.each([
  ['fuzz-17', 'a late `applied` of an earlier tally was counted'],
  ['fuzz-32', 'new owners after the exchange deadline had no deadline of their own'],
  ['fuzz-131', 'a fork of the last round was never repaired'],
  ['fuzz-192', 'a model that could not be fetched at the end was not asked for again'],
  ['fuzz-2518', 'an old commit that came late replaced the newest target'],
])('%s: %s', { timeout: 30_000 }, async (seed) => {
  const outcome = await fuzzSession(seed, flush);
  expect(outcome.failure).toBeUndefined();
  expect(outcome.rounds).toBeGreaterThan(0);
});
