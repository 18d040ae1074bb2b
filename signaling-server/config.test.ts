import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

test('without any variable the server is local, embedded and asks nobody else', () => {
  expect(readConfig({})).toEqual({
    host: '127.0.0.1',
    port: 8787,
    dataDir: './data',
    databaseUrl: undefined,
    redisUrl: undefined,
    replicaUrl: undefined,
    blobPlace: undefined,
    departmentBudgets: {},
    userBudget: undefined,
    epsilonPerQuery: 0.1,
    publicOrigin: undefined,
    trustProxy: false,
    webRoot: './dist/web',
    ice: { stunUrls: [], turnUrls: [], turnSecret: undefined, turnTtlSeconds: 3600 },
    writesPerMinute: 60,
    transcriptsKept: 10,
    operatorKey: undefined,
    jwt: undefined,
    clientCertHeader: undefined,
    requestsPerMinute: 6000,
    graphqlIntrospection: false,
    logLevel: 'info',
    maxConcurrentTrainings: 100,
    metricsPublic: false,
    queueBacklogThreshold: 100,
    tlsCertFile: undefined,
    allowPrivateWebhooks: false,
    siem: undefined,
    retention: {
      metrics: 730,
      records: 730,
      transcripts: 90,
      audit: 2190,
      inactiveParticipants: 730,
      alerts: 365,
      requests: 7,
    },
    organisation: undefined,
    contact: undefined,
    otlpEndpoint: undefined,
  });
});

test('every variable is read; an empty one takes its default; others are no concern', () => {
  const config = readConfig({
    HOST: '::',
    PORT: '0',
    DATA_DIR: '/var/lib/murmuration',
    DATABASE_URL: 'postgres://u:p@db/m',
    REDIS_URL: 'rediss://:p@cache:6380/1',
    REPLICA_URL: 'http://10.0.0.7:8787',
    BLOB_URL: 'https://s3.example/models?region=eu-1',
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    DEPARTMENT_BUDGETS: '{"emergency": 20, "research": 2.5}',
    MAX_BUDGET_PER_USER: '10',
    EPSILON_PER_QUERY: '0.25',
    PUBLIC_ORIGIN: 'https://learn.example.org:8443',
    TRUST_PROXY: '1',
    WEB_ROOT: ' ',
    STUN_URLS: 'stun:a.example:3478, stuns:b.example',
    TURN_URLS: 'turn:a.example?transport=udp',
    TURN_SECRET: 's',
    TURN_TTL_SECONDS: '600',
    WRITES_PER_MINUTE: '5',
    TRANSCRIPTS_KEPT: '3',
    OPERATOR_KEY: 'sixteen-letters!',
    JWT_ISSUER: 'https://id.example.org/',
    JWT_AUDIENCE: 'murmuration',
    JWKS_URL: 'https://id.example.org/keys',
    CLIENT_CERT_HEADER: 'X-Client-Cert',
    REQUESTS_PER_MINUTE: '120',
    GRAPHQL_INTROSPECTION: '1',
    LOG_LEVEL: 'debug',
    MAX_CONCURRENT_TRAININGS: '7',
    METRICS_PUBLIC: '1',
    FEDERATED_QUEUE_BACKLOG_THRESHOLD: '7',
    TLS_CERT_FILE: '/etc/tls/server.pem',
    WEBHOOK_ALLOW_PRIVATE: '1',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    HOME: '/root',
  });
  expect(config).toEqual({
    host: '::',
    port: 0,
    dataDir: '/var/lib/murmuration',
    databaseUrl: 'postgres://u:p@db/m',
    redisUrl: 'rediss://:p@cache:6380/1',
    replicaUrl: 'http://10.0.0.7:8787',
    blobPlace: {
      address: { url: 'https://s3.example/models', region: 'eu-1' },
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined },
    },
    departmentBudgets: { emergency: 20, research: 2.5 },
    userBudget: 10,
    epsilonPerQuery: 0.25,
    publicOrigin: 'https://learn.example.org:8443',
    trustProxy: true,
    webRoot: './dist/web',
    ice: {
      stunUrls: ['stun:a.example:3478', 'stuns:b.example'],
      turnUrls: ['turn:a.example?transport=udp'],
      turnSecret: 's',
      turnTtlSeconds: 600,
    },
    writesPerMinute: 5,
    transcriptsKept: 3,
    operatorKey: 'sixteen-letters!',
    jwt: {
      issuer: 'https://id.example.org/',
      audience: 'murmuration',
      keys: { kind: 'address', url: 'https://id.example.org/keys' },
    },
    clientCertHeader: 'x-client-cert',
    requestsPerMinute: 120,
    graphqlIntrospection: true,
    logLevel: 'debug',
    maxConcurrentTrainings: 7,
    metricsPublic: true,
    queueBacklogThreshold: 7,
    tlsCertFile: '/etc/tls/server.pem',
    allowPrivateWebhooks: true,
    siem: undefined,
    retention: {
      metrics: 730,
      records: 730,
      transcripts: 90,
      audit: 2190,
      inactiveParticipants: 730,
      alerts: 365,
      requests: 7,
    },
    organisation: undefined,
    contact: undefined,
    otlpEndpoint: 'http://collector:4318',
  });
});

test.each([
  ['PORT', '65536'],
  ['PORT', '-1'],
  ['PORT', '80.5'],
  ['PORT', '0x50'],
  ['DATABASE_URL', 'mysql://u:p@db/m'],
  ['REDIS_URL', 'http://cache:6379'],
  ['REPLICA_URL', 'replica-2:8787'],
  ['PUBLIC_ORIGIN', 'https://learn.example.org/path'],
  ['PUBLIC_ORIGIN', 'example.net:8443'],
  ['TRUST_PROXY', 'perhaps'],
  ['STUN_URLS', 'https://a.example'],
  ['TURN_TTL_SECONDS', '10'],
  ['WRITES_PER_MINUTE', '0'],
  ['JWKS_URL', 'http://id.example.org/keys'],
  ['JWT_PUBLIC_KEY', 'a-shared-secret'],
  ['CLIENT_CERT_HEADER', 'two words'],
  ['CLIENT_CERT_HEADER', 'x-cert-without-proxy'],
  ['REQUESTS_PER_MINUTE', '0'],
  ['LOG_LEVEL', 'loud'],
  ['BLOB_URL', 's3://bucket'],
  ['BLOB_URL', 'https://key:secret@host/bucket'],
  ['DEPARTMENT_BUDGETS', 'emergency=20'],
  ['DEPARTMENT_BUDGETS', '{"emergency":-1}'],
  ['MAX_BUDGET_PER_USER', '-10'],
  ['EPSILON_PER_QUERY', '-0.25'],
  ['MAX_CONCURRENT_TRAININGS', '0'],
  ['METRICS_PUBLIC', 'yes'],
  ['FEDERATED_QUEUE_BACKLOG_THRESHOLD', '-1'],
  ['WEBHOOK_ALLOW_PRIVATE', 'true'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318'],
])('%s=%s is refused by its name, without repeating the value', (name, value) => {
  const read = () => readConfig({ [name]: value });
  expect(read).toThrow(expect.objectContaining({ code: 'argument.invalid' }));
  expect(read).toThrow(expect.objectContaining({ facts: expect.objectContaining({ path: name }) }));
  expect(read).not.toThrow(value);
});

test('TURN needs its addresses and its secret', () => {
  expect(() => readConfig({ TURN_URLS: 'turn:a.example' })).toThrow(/^TURN_SECRET: /);
  expect(() => readConfig({ TURN_SECRET: 's' })).toThrow(/^TURN_URLS: /);
});

test('replicas need one PostgreSQL and an address of each', () => {
  const REDIS_URL = 'redis://cache:6379';
  const DATABASE_URL = 'postgres://u:p@db/m';
  expect(() => readConfig({ REDIS_URL, REPLICA_URL: 'http://a:1' })).toThrow(/^DATABASE_URL: /);
  expect(() => readConfig({ REDIS_URL, DATABASE_URL })).toThrow(/^REPLICA_URL: /);
});

const SPKI = '-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----';

test('tokens need an issuer, an audience and one source of keys; a key may be written in one line', () => {
  expect(() => readConfig({ JWT_ISSUER: 'i' })).toThrow(/^JWT_AUDIENCE: /);
  expect(() => readConfig({ JWT_ISSUER: 'i', JWT_AUDIENCE: 'a' })).toThrow(/^JWKS_URL: /);
  expect(() => readConfig({ JWT_PUBLIC_KEY: SPKI })).toThrow(/^JWT_ISSUER: /);
  expect(() =>
    readConfig({
      JWT_ISSUER: 'i',
      JWT_AUDIENCE: 'a',
      JWT_PUBLIC_KEY: SPKI,
      JWKS_URL: 'http://localhost:1/k',
    }),
  ).toThrow(/one source of keys/);
  expect(readConfig({ JWT_ISSUER: 'i', JWT_AUDIENCE: 'a', JWT_PUBLIC_KEY: SPKI }).jwt?.keys).toEqual({
    kind: 'key',
    pem: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----',
  });
});

test('a blob store needs both parts of its credentials', () => {
  const BLOB_URL = 'https://s3.example/models';
  expect(() => readConfig({ BLOB_URL })).toThrow(/^AWS_ACCESS_KEY_ID: /);
  expect(() => readConfig({ BLOB_URL, AWS_ACCESS_KEY_ID: 'id' })).toThrow(/^AWS_SECRET_ACCESS_KEY: /);
});

test('a receiver of the audit log is an address, and its token apart', () => {
  expect(readConfig({}).siem).toBeUndefined();
  expect(readConfig({ SIEM_URL: 'https://siem.example.org/in', SIEM_TOKEN: 'secret' }).siem).toEqual({
    kind: 'https',
    url: 'https://siem.example.org/in',
    token: 'secret',
  });
  expect(() => readConfig({ SIEM_TOKEN: 'secret' })).toThrow(/^SIEM_URL: /);
  expect(() => readConfig({ SIEM_URL: 'http://siem.example.org' })).toThrow(/^SIEM_URL: /);
});

test('what is kept how long, and who answers for it', () => {
  const { retention, organisation, contact } = readConfig({
    RETENTION_DAYS_METRICS: '30',
    RETENTION_DAYS_AUDIT: '0',
    ORGANISATION: 'A hospital',
    CONTACT: 'dpo@example.org',
  });
  expect(retention).toEqual({
    metrics: 30,
    records: 730,
    transcripts: 90,
    audit: 0,
    inactiveParticipants: 730,
    alerts: 365,
    requests: 7,
  });
  expect([organisation, contact]).toEqual(['A hospital', 'dpo@example.org']);
  expect(() => readConfig({ RETENTION_DAYS_AUDIT: '-1' })).toThrow(/^RETENTION_DAYS_AUDIT: /);
});
