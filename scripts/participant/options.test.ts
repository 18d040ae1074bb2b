import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { readParticipantOptions } from './options.ts';

const folder = mkdtempSync(join(tmpdir(), 'options-'));
afterAll(() => rmSync(folder, { recursive: true }));
const GOOD = ['--server', 'https://learn.example.org/', '--federation', 'clinics', '--data', 'a.csv'];

test('what is left out has its default, and the address no slash at its end', async () => {
  expect(await readParticipantOptions(GOOD, {})).toMatchObject({
    server: 'https://learn.example.org',
    state: join('participant-state', 'clinics'),
    name: 'clinics',
    once: false,
    credential: undefined,
  });
});

test('a credential comes from a file or the environment, the file first', async () => {
  const path = join(folder, 'credential');
  writeFileSync(path, 'from-file\n');
  const env = { MURMURATION_CREDENTIAL: 'from-env' };
  expect((await readParticipantOptions(GOOD, env)).credential).toBe('from-env');
  expect((await readParticipantOptions([...GOOD, '--credential-file', path], env)).credential).toBe(
    'from-file',
  );
});

describe('a wrong command line is refused by the option, and repeats no value', () => {
  const secret = 'mk_1_secret';
  test.each([
    [['--credential', secret, ...GOOD], 'command line'],
    [[...GOOD, secret], 'command line'],
    [GOOD.slice(2), '--server'],
    [['--server', `https://u:${secret}@example.org`, ...GOOD.slice(2)], '--server'],
    [['--server', 'https://example.org/path', ...GOOD.slice(2)], '--server'],
    [['--server', 'ftp://example.org', ...GOOD.slice(2)], '--server'],
    [['--server', 'https://example.org', '--federation', '../etc', '--data', 'a.csv'], '--federation'],
    [GOOD.slice(0, 4), '--data'],
    [[...GOOD, '--credential-file', join(folder, 'nothing')], '--credential-file'],
    [[...GOOD, '--log-level', 'loud'], '--log-level'],
  ])('%j', async (args, named) => {
    const refused = readParticipantOptions(args, {});
    await expect(refused).rejects.toMatchObject({
      code: 'argument.invalid',
      message: expect.stringContaining(named),
    });
    await expect(refused).rejects.not.toMatchObject({ message: expect.stringContaining(secret) });
  });
});

test.each([
  ['argument.invalid', EXIT.usage],
  ['privacy.policy-changed', EXIT.refused],
  ['privacy.budget-exceeded', EXIT.refused],
  ['ledger.broken-chain', EXIT.refused],
  ['data.unknown-label', EXIT.data],
  ['storage.locked', EXIT.state],
  ['federation.unknown', EXIT.admission],
  ['http.unauthorized', EXIT.admission],
  ['access.expired', EXIT.admission],
  ['internal', EXIT.failed],
] as const)('%s ends with %d', (code, exit) => expect(exitCodeOf(code)).toBe(exit));
