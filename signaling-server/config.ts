import { z } from 'zod';
import { check, MurmurationError } from '../shared/errors/index.ts';

export interface IceConfig {
  readonly stunUrls: readonly string[];
  readonly turnUrls: readonly string[];
  /** Shared with coturn (`static-auth-secret`); participants only ever see credentials derived from it. */
  readonly turnSecret: string | undefined;
  readonly turnTtlSeconds: number;
}

export interface ServerConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Holds the embedded database, the model files and the lock. */
  readonly dataDir: string;
  /** PostgreSQL instead of the embedded database. */
  readonly databaseUrl: string | undefined;
  /** Where participants reach this server, e.g. `https://learn.example.org`, when it is behind a proxy. */
  readonly publicOrigin: string | undefined;
  /** True: the last address in X-Forwarded-For is the client's. Only behind a proxy that sets it. */
  readonly trustProxy: boolean;
  /** The built page. */
  readonly webRoot: string;
  readonly ice: IceConfig;
  readonly writesPerMinute: number;
  /** Secure rounds of each run whose transcripts are kept. */
  readonly transcriptsKept: number;
  /** What operators show, as a bearer token, to supply held-out sets and to block. Without one nobody can. */
  readonly operatorKey: string | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const text = z.string().trim().min(1);
const integer = (min: number, max: number) =>
  text.regex(/^\d+$/, 'not a whole number').transform(Number).pipe(z.int().min(min).max(max));
const urls = (schemes: RegExp) =>
  text
    .transform((list) => list.split(',').map((url) => url.trim()))
    .pipe(z.array(z.string().regex(schemes, 'not a URL of this kind')).min(1));

/** An unset variable, or one set to nothing, takes its default. */
const environment = z.object({
  HOST: text.default('127.0.0.1'),
  PORT: integer(0, 65_535).default(8787),
  DATA_DIR: text.default('./data'),
  DATABASE_URL: text.regex(/^postgres(ql)?:\/\//, 'not a postgres:// URL').optional(),
  PUBLIC_ORIGIN: text
    .refine(isOrigin, 'not an http(s) origin such as https://learn.example.org, without a path')
    .optional(),
  TRUST_PROXY: z.enum(['0', '1']).default('0'),
  WEB_ROOT: text.default('./dist/web'),
  STUN_URLS: urls(/^stuns?:[^\s/]+$/).optional(),
  TURN_URLS: urls(/^turns?:[^\s/]+$/).optional(),
  TURN_SECRET: text.optional(),
  TURN_TTL_SECONDS: integer(60, 7 * 24 * 3600).default(3600),
  WRITES_PER_MINUTE: integer(1, 1_000_000).default(60),
  TRANSCRIPTS_KEPT: integer(1, 1_000_000).default(10),
  OPERATOR_KEY: text
    .regex(/^[\x21-\x7e]{16,512}$/, 'not 16 or more printable characters without spaces')
    .optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
});

/**
 * Reads every setting of the server from environment variables.
 * @throws `argument.invalid` naming the variable. The value is never repeated: it may be a secret.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): ServerConfig {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const result = environment.safeParse(set);
  if (!result.success) {
    const issue = result.error.issues[0]!;
    throw new MurmurationError('argument.invalid', `This setting is wrong: ${issue.message}.`, {
      path: String(issue.path[0]),
      remedy: 'Correct the environment variable and start again.',
    });
  }
  const values = result.data;
  check(
    (values.TURN_URLS === undefined) === (values.TURN_SECRET === undefined),
    'argument.invalid',
    'TURN needs both its addresses and its secret.',
    {
      path: values.TURN_URLS === undefined ? 'TURN_URLS' : 'TURN_SECRET',
      remedy: 'Set TURN_URLS and TURN_SECRET together, or neither.',
    },
  );
  return {
    host: values.HOST,
    port: values.PORT,
    dataDir: values.DATA_DIR,
    databaseUrl: values.DATABASE_URL,
    publicOrigin: values.PUBLIC_ORIGIN,
    trustProxy: values.TRUST_PROXY === '1',
    webRoot: values.WEB_ROOT,
    ice: {
      stunUrls: values.STUN_URLS ?? [],
      turnUrls: values.TURN_URLS ?? [],
      turnSecret: values.TURN_SECRET,
      turnTtlSeconds: values.TURN_TTL_SECONDS,
    },
    writesPerMinute: values.WRITES_PER_MINUTE,
    transcriptsKept: values.TRANSCRIPTS_KEPT,
    operatorKey: values.OPERATOR_KEY,
    logLevel: values.LOG_LEVEL,
  };
}

function isOrigin(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).origin === value;
}
