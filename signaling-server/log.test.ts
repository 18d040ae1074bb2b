import { expect, test } from 'vitest';
import { MurmurationError } from '../shared/errors/index.ts';
import { createLog, describeError, requestLog } from './log.ts';

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

/** Lines that a log wrote. */
function captured() {
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => void lines.push(line) });
  return { log, lines };
}

test.each([
  'authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'token',
  'credential',
  'credentials',
  'secret',
  'secretAccessKey',
  'privateKey',
  'operatorKey',
  'databaseUrl',
  'turnSecret',
])('%s is written at no depth, nor by a child', (name) => {
  const { log, lines } = captured();
  const hidden = 'mk_1_s3cr3t';
  let value: Record<string, unknown> = { [name]: hidden, kept: 'yes' };
  for (let depth = 0; depth <= 4; depth++) {
    log.info(value, 'something');
    value = { inner: value };
  }
  log.child({ request: { headers: { [name]: hidden } } }).info('of a child');
  log.info({ request: { headers: { [name]: hidden, accept: '*/*' } }, list: [{ [name]: hidden }] }, 'mixed');
  expect(lines).toHaveLength(7);
  expect(lines.join('')).not.toContain(hidden);
  expect(lines.slice(0, 5).every((line) => line.includes('"kept":"yes"'))).toBe(true);
});

test('lines of a request say whose they are, also those of its children', () => {
  const { log, lines } = captured();
  requestLog(log, 'r-1').child({ training: 't-1' }).info({ round: 3 }, 'begun');
  expect(JSON.parse(lines[0]!)).toMatchObject({ requestId: 'r-1', training: 't-1', round: 3, msg: 'begun' });
});
