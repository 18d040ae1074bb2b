import { z } from 'zod';
import { check, MurmurationError } from '../shared/errors/index.ts';
import type { JwtConfig } from './access/jwt.ts';
import { parseSiemUrl, type SiemTarget } from './audit/siem-url.ts';
import { SUBJECT_ID } from './privacy/subject.ts';
import { DEFAULT_RETENTION, type RetentionPeriods } from './rights/retention-periods.ts';
import type { BlobPlace } from './storage/open-blob-store.ts';
import { parseS3Address } from './storage/s3-address.ts';

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
  /** What several replicas of this server reach each other over. */
  readonly redisUrl: string | undefined;
  /** Where the other replicas reach this one by HTTP; they pass on what is meant for it. */
  readonly replicaUrl: string | undefined;
  /** S3-compatible storage for models instead of files in the data folder. */
  readonly blobPlace: BlobPlace | undefined;
  /** Epsilon of each department that was given no limit of its own. */
  readonly departmentBudgets: Readonly<Record<string, number>>;
  /** Epsilon of each user that was given no limit of its own; undefined: no limit. */
  readonly userBudget: number | undefined;
  /** What one query costs where the asker does not say, and the most that it may where no limit says otherwise. */
  readonly epsilonPerQuery: number;
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
  /** A bearer token that may do everything. Without one, the first start makes an operator's key. */
  readonly operatorKey: string | undefined;
  /** Trainings that run at the same time; others wait for their turn. */
  readonly maxConcurrentTrainings: number;
  /** Whose bearer tokens are taken, and what they are signed with. Undefined: none are. */
  readonly jwt: JwtConfig | undefined;
  /** In which the proxy passes on what it verified of a client certificate, e.g. `x-client-cert`. */
  readonly clientCertHeader: string | undefined;
  /** Of each principal; and of each address, of those who show no credential. */
  readonly requestsPerMinute: number;
  /** GraphQL tells its schema to everybody; otherwise to those who may read of the server as a whole. */
  readonly graphqlIntrospection: boolean;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** `/metrics` for anybody who reaches this server; otherwise from its own machine, or with the scope `system:read`. */
  readonly metricsPublic: boolean;
  /** Due jobs beyond which an alert fires. */
  readonly queueBacklogThreshold: number;
  /** PEM file of the certificate that participants see, whose expiry is watched. */
  readonly tlsCertFile: string | undefined;
  /** True: webhooks may be sent to addresses of private networks, this machine's included. */
  readonly allowPrivateWebhooks: boolean;
  /** Who takes the entries of the audit log. */
  readonly siem: SiemTarget | undefined;
  /** Days that things are kept. */
  readonly retention: RetentionPeriods;
  /** Who answers for the processing, and how to reach them: for records of processing. */
  readonly organisation: string | undefined;
  readonly contact: string | undefined;
  /** OTLP/HTTP collector of traces. Without one nothing of OpenTelemetry is loaded. */
  readonly otlpEndpoint: string | undefined;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const text = z.string().trim().min(1);
const integer = (min: number, max: number) =>
  text.regex(/^\d+$/, 'not a whole number').transform(Number).pipe(z.int().min(min).max(max));
const urls = (schemes: RegExp) =>
  text
    .transform((list) => list.split(',').map((url) => url.trim()))
    .pipe(z.array(z.string().regex(schemes, 'not a URL of this kind')).min(1));

/** 0: for ever. */
const days = (otherwise: number) => integer(0, 36_500).default(otherwise);
const positive = text
  .regex(/^\d+(\.\d+)?$/, 'not a number above 0')
  .transform(Number)
  .pipe(z.number().positive());
/** `{"emergency": 20, "cardiology": 15}` */
const budgets = text
  .transform((value, context) => {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      context.addIssue({ code: 'custom', message: 'not JSON' });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(SUBJECT_ID, 'not the name of a department'), z.number().positive()));

/** An unset variable, or one set to nothing, takes its default. */
const environment = z.object({
  HOST: text.default('127.0.0.1'),
  PORT: integer(0, 65_535).default(8787),
  DATA_DIR: text.default('./data'),
  DATABASE_URL: text.regex(/^postgres(ql)?:\/\//, 'not a postgres:// URL').optional(),
  REDIS_URL: text.regex(/^rediss?:\/\//, 'not a redis:// URL').optional(),
  REPLICA_URL: text.refine(isOrigin, 'not an http(s) origin such as http://10.0.0.7:8787').optional(),
  BLOB_URL: text.optional(),
  AWS_ACCESS_KEY_ID: text.optional(),
  AWS_SECRET_ACCESS_KEY: text.optional(),
  AWS_SESSION_TOKEN: text.optional(),
  DEPARTMENT_BUDGETS: budgets.default({}),
  MAX_BUDGET_PER_USER: positive.optional(),
  EPSILON_PER_QUERY: positive.default(0.1),
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
  MAX_CONCURRENT_TRAININGS: integer(1, 100_000).default(100),
  JWT_ISSUER: text.optional(),
  JWT_AUDIENCE: text.optional(),
  JWKS_URL: text.refine(isKeySetUrl, 'not an https URL, nor an http URL of this machine').optional(),
  JWT_PUBLIC_KEY: text
    .transform((pem) => pem.replaceAll('\\n', '\n'))
    .pipe(
      z
        .string()
        .regex(/^-----BEGIN PUBLIC KEY-----\n[\s\S]+\n-----END PUBLIC KEY-----$/, 'not a public key in PEM'),
    )
    .optional(),
  CLIENT_CERT_HEADER: text
    .regex(/^[\w-]{1,64}$/, 'not the name of a header')
    .toLowerCase()
    .optional(),
  REQUESTS_PER_MINUTE: integer(1, 10_000_000).default(6000),
  GRAPHQL_INTROSPECTION: z.enum(['0', '1']).default('0'),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  METRICS_PUBLIC: z.enum(['0', '1']).default('0'),
  FEDERATED_QUEUE_BACKLOG_THRESHOLD: integer(0, 1_000_000).default(100),
  TLS_CERT_FILE: text.optional(),
  SIEM_URL: text.optional(),
  SIEM_TOKEN: text.regex(/^[\x21-\x7e]{1,4096}$/, 'not printable characters without spaces').optional(),
  RETENTION_DAYS_METRICS: days(DEFAULT_RETENTION.metrics),
  RETENTION_DAYS_RECORDS: days(DEFAULT_RETENTION.records),
  RETENTION_DAYS_TRANSCRIPTS: days(DEFAULT_RETENTION.transcripts),
  RETENTION_DAYS_AUDIT: days(DEFAULT_RETENTION.audit),
  RETENTION_DAYS_INACTIVE_PARTICIPANTS: days(DEFAULT_RETENTION.inactiveParticipants),
  RETENTION_DAYS_ALERTS: days(DEFAULT_RETENTION.alerts),
  RETENTION_DAYS_REQUESTS: days(DEFAULT_RETENTION.requests),
  ORGANISATION: text.max(300).optional(),
  CONTACT: text.max(300).optional(),
  WEBHOOK_ALLOW_PRIVATE: z.enum(['0', '1']).default('0'),
  OTEL_EXPORTER_OTLP_ENDPOINT: text.refine(isHttpUrl, 'not an http(s) URL').optional(),
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
    ...replicaPlaceOf(values),
    blobPlace: blobPlaceOf(values),
    departmentBudgets: values.DEPARTMENT_BUDGETS,
    userBudget: values.MAX_BUDGET_PER_USER,
    epsilonPerQuery: values.EPSILON_PER_QUERY,
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
    maxConcurrentTrainings: values.MAX_CONCURRENT_TRAININGS,
    jwt: jwtOf(values),
    clientCertHeader: clientCertHeaderOf(values),
    requestsPerMinute: values.REQUESTS_PER_MINUTE,
    graphqlIntrospection: values.GRAPHQL_INTROSPECTION === '1',
    siem: siemOf(values),
    retention: {
      metrics: values.RETENTION_DAYS_METRICS,
      records: values.RETENTION_DAYS_RECORDS,
      transcripts: values.RETENTION_DAYS_TRANSCRIPTS,
      audit: values.RETENTION_DAYS_AUDIT,
      inactiveParticipants: values.RETENTION_DAYS_INACTIVE_PARTICIPANTS,
      alerts: values.RETENTION_DAYS_ALERTS,
      requests: values.RETENTION_DAYS_REQUESTS,
    },
    organisation: values.ORGANISATION,
    contact: values.CONTACT,
    logLevel: values.LOG_LEVEL,
    metricsPublic: values.METRICS_PUBLIC === '1',
    queueBacklogThreshold: values.FEDERATED_QUEUE_BACKLOG_THRESHOLD,
    tlsCertFile: values.TLS_CERT_FILE,
    allowPrivateWebhooks: values.WEBHOOK_ALLOW_PRIVATE === '1',
    otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT,
  };
}

function isHttpUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

function isOrigin(value: string): boolean {
  return URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).origin === value;
}

/** Keys that come over a network that others share must come authenticated. */
function isKeySetUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname } = new URL(value);
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname))
  );
}

function jwtOf(values: z.infer<typeof environment>): JwtConfig | undefined {
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience, JWKS_URL: url, JWT_PUBLIC_KEY: pem } = values;
  if ([issuer, audience, url, pem].every((value) => value === undefined)) return undefined;
  const missing = issuer === undefined ? 'JWT_ISSUER' : audience === undefined ? 'JWT_AUDIENCE' : 'JWKS_URL';
  const isWhole =
    issuer !== undefined && audience !== undefined && (url === undefined) !== (pem === undefined);
  check(isWhole, 'argument.invalid', 'Tokens need an issuer, an audience and one source of keys.', {
    path: missing,
    remedy: 'Set JWT_ISSUER, JWT_AUDIENCE and either JWKS_URL or JWT_PUBLIC_KEY, or none of them.',
  });
  return {
    issuer,
    audience,
    keys: url !== undefined ? { kind: 'address', url } : { kind: 'key', pem: pem! },
  };
}

/** Without a proxy that overwrites it, the header is whatever a client claims. */
function clientCertHeaderOf({
  CLIENT_CERT_HEADER: header,
  TRUST_PROXY: trustProxy,
}: z.infer<typeof environment>): string | undefined {
  check(
    header === undefined || trustProxy === '1',
    'argument.invalid',
    'A client certificate is known by a trusted proxy only.',
    {
      path: 'CLIENT_CERT_HEADER',
      remedy: 'Set TRUST_PROXY=1 if the proxy sets this header, or leave it out.',
    },
  );
  return header;
}

/** Replicas are one server only over one database, and pass on to each other what came to the wrong one. */
function replicaPlaceOf({
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrl,
  REPLICA_URL: replicaUrl,
}: z.infer<typeof environment>): Pick<ServerConfig, 'redisUrl' | 'replicaUrl'> {
  check(
    redisUrl === undefined || (databaseUrl !== undefined && replicaUrl !== undefined),
    'argument.invalid',
    'Replicas need one PostgreSQL, and an address of each.',
    {
      path: databaseUrl === undefined ? 'DATABASE_URL' : 'REPLICA_URL',
      remedy: 'Set DATABASE_URL and REPLICA_URL together with REDIS_URL, or leave REDIS_URL out.',
    },
  );
  return { redisUrl, replicaUrl };
}

/** Credentials of other services may lie in the same environment: without BLOB_URL they are no concern. */
function blobPlaceOf({
  BLOB_URL,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
}: z.infer<typeof environment>): BlobPlace | undefined {
  if (BLOB_URL === undefined) return undefined;
  const address = parseS3Address(BLOB_URL);
  check(
    accessKeyId !== undefined && secretAccessKey !== undefined,
    'argument.invalid',
    'The blob store needs credentials.',
    {
      path: accessKeyId === undefined ? 'AWS_ACCESS_KEY_ID' : 'AWS_SECRET_ACCESS_KEY',
      remedy: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together with BLOB_URL.',
    },
  );
  return { address, credentials: { accessKeyId, secretAccessKey, sessionToken } };
}

function siemOf({ SIEM_URL, SIEM_TOKEN }: z.infer<typeof environment>): SiemTarget | undefined {
  check(SIEM_URL !== undefined || SIEM_TOKEN === undefined, 'argument.invalid', 'A token needs a receiver.', {
    path: 'SIEM_URL',
    remedy: 'Set SIEM_URL, or do not set SIEM_TOKEN.',
  });
  return SIEM_URL === undefined ? undefined : parseSiemUrl(SIEM_URL, SIEM_TOKEN);
}
