import { expect, test } from 'vitest';
import { MurmurationError } from '../shared/errors/index.ts';
import { describeError } from './log.ts';

test("an error of ours is logged in full, a stranger's without its message, which may quote data", () => {
  const cause = Object.assign(new Error('row (42, secret)'), { code: '23505' });
  const error = new MurmurationError('internal', 'An operation failed.', { received: '23505', cause });
  const logged = describeError(error);
  expect(logged).toMatchObject({
    code: 'internal',
    message: 'An operation failed. Received 23505.',
    facts: { received: '23505' },
    cause: { type: 'Error', code: '23505' },
  });
  expect(JSON.stringify(logged)).not.toContain('secret');
  expect(JSON.stringify(logged)).toContain('log.test.ts');
});
