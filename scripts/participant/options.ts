import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { check, MurmurationError } from '../../shared/errors/index.ts';

export interface ParticipantOptions {
  /** An origin, without a slash at the end. */
  readonly server: string;
  readonly federation: string;
  /** Undefined with `showTerms` only. */
  readonly data: string | undefined;
  readonly consent: string | undefined;
  readonly state: string;
  /** In the log and the report. */
  readonly name: string;
  readonly once: boolean;
  readonly json: string | undefined;
  readonly showTerms: boolean;
  readonly credential: string | undefined;
  readonly logLevel: string;
}

export const USAGE = `npm run participant -- --server URL --federation ID --data FILE --consent FILE
  --data FILE             .csv, .json or .jsonl ({"features":[...],"label":...}), .txt for text, .digits for sample images
  --consent FILE          what was agreed to, and within which limits; without it, starting agrees to the
                          terms as they are at the first start, and no others
  --show-terms            prints what taking part means, and a consent file that agrees to it; nothing else happens
  --state DIR             key, ledger, model; default ./participant-state/FEDERATION
  --name NAME             in the log and the report; default the federation's id
  --once                  leaves after one round that counted this participant in
  --json FILE             a report, kept up to date
  --credential-file FILE  key, token or invitation; or MURMURATION_CREDENTIAL. Never on the command line
  --log-level LEVEL       trace, debug, info (default), warn, error, silent`;

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const FEDERATION = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** @throws `argument.invalid` naming the option. */
export async function readParticipantOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<ParticipantOptions> {
  const values = parse(args);
  const federation = needed('--federation', values.federation);
  check(FEDERATION.test(federation), 'argument.invalid', 'This is not the id of a federation.', {
    path: '--federation',
    expected: 'lower-case letters, digits and hyphens, at most 63',
  });
  const showTerms = values['show-terms'] === true;
  const logLevel = values['log-level'] ?? 'info';
  check(LEVELS.includes(logLevel), 'argument.invalid', 'There is no such level.', {
    path: '--log-level',
    expected: LEVELS.join(', '),
  });
  return {
    server: originOf(needed('--server', values.server)),
    federation,
    data: showTerms ? values.data : needed('--data', values.data),
    consent: values.consent,
    state: values.state ?? join('participant-state', federation),
    name: values.name ?? federation,
    once: values.once === true,
    json: values.json,
    showTerms,
    credential: await credentialFrom(values['credential-file'], env.MURMURATION_CREDENTIAL),
    logLevel,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        server: { type: 'string' },
        federation: { type: 'string' },
        data: { type: 'string' },
        consent: { type: 'string' },
        state: { type: 'string' },
        name: { type: 'string' },
        once: { type: 'boolean' },
        json: { type: 'string' },
        'show-terms': { type: 'boolean' },
        'credential-file': { type: 'string' },
        'log-level': { type: 'string' },
      },
    }).values;
  } catch (cause) {
    // Node's message may repeat a value, and a value may be a secret in the wrong place.
    throw new MurmurationError('argument.invalid', 'The command line is wrong.', {
      expected: USAGE,
      cause,
    });
  }
}

function needed(path: string, value: string | undefined): string {
  check(value !== undefined && value !== '', 'argument.invalid', 'This option is missing.', {
    path,
    expected: USAGE,
  });
  return value;
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin =
    url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === '';
  check(
    isOrigin && url.username === '' && url.password === '',
    'argument.invalid',
    'This is not the address of a server.',
    {
      path: '--server',
      expected: 'an address such as https://learn.example.org, without a path or a password',
    },
  );
  return url.origin;
}

/** @throws `argument.invalid` for a file that cannot be read, or is empty. */
async function credentialFrom(
  path: string | undefined,
  fromEnv: string | undefined,
): Promise<string | undefined> {
  if (path === undefined) return fromEnv?.trim() || undefined;
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new MurmurationError('argument.invalid', 'The credential cannot be read.', {
      path: '--credential-file',
      received: String((cause as { code?: unknown }).code),
      remedy: 'Check its place and its rights.',
      cause,
    });
  }
  check(
    text !== '' && text.length <= 16_384,
    'argument.invalid',
    'The credential is empty, or too long to be one.',
    {
      path: '--credential-file',
    },
  );
  return text;
}
