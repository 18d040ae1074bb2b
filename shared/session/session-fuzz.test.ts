import { expect, test } from 'vitest';
import {
  fuzzAsyncSession,
  fuzzPrivateSession,
  fuzzSecureSession,
  fuzzSession,
} from '../testing/session-fuzz.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Seeds that once failed, each for another reason; `npm run fuzz:session` finds more. */
test.each([
  ['fuzz-17', 'a late `applied` of an earlier tally was counted'],
  ['fuzz-32', 'new owners after the exchange deadline had no deadline of their own'],
  ['fuzz-131', 'a fork of the last round was never repaired'],
  ['fuzz-192', 'a model that could not be fetched at the end was not asked for again'],
  ['fuzz-2518', 'an old commit that came late replaced the newest target'],
])('%s: %s', async (seed) => {
  const outcome = await fuzzSession(seed, flush);
  expect(outcome.failure).toBeUndefined();
  expect(outcome.rounds).toBeGreaterThan(0);
});

test.each([
  [
    'secure-9',
    'an update was sent again by a participant that did not hear of its being named a survivor (A-34)',
  ],
  ['secure-28', 'the same, over a restart of the server'],
  [
    'secure-1012',
    'whoever came back asked holders that it could not reach, and never the server, for the model',
  ],
])('%s: %s', async (seed) => {
  const outcome = await fuzzSecureSession(seed, flush);
  expect(outcome.failure).toBeUndefined();
  expect(outcome.rounds).toBeGreaterThan(0);
});

test.each([
  ['private-16', 'an update was noised for more participants than were in the next attempt'],
  ['private-1', 'an update was in two sums that the server noised'],
  ['private-42', 'the same, over a restart of the server'],
])('N-04 N-09: %s: would show if %s', async (seed) => {
  const outcome = await fuzzPrivateSession(seed, flush);
  expect(outcome.failure).toBeUndefined();
  expect(outcome.rounds).toBeGreaterThan(0);
});

test.each([
  [
    'async-12',
    'a restarted server at its last version waited for those who were ready, and nobody trained any more',
  ],
  ['async-1000', 'an update that was in a sum was kept'],
  ['async-1001', 'a masked update was sent again, or a coordinator not told again of who is ready'],
])('E-09 E-11: %s: would show if %s', async (seed) => {
  const outcome = await fuzzAsyncSession(seed, flush);
  expect(outcome.failure).toBeUndefined();
  expect(outcome.rounds).toBeGreaterThan(0);
});
