import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

test('without any variable the server is local, embedded and asks nobody else', () => {
  expect(readConfig({})).toEqual({
    host: '127.0.0.1',
    port: 8787,
    dataDir: './data',
    databaseUrl: undefined,
    publicOrigin: undefined,
    trustProxy: false,
    webRoot: './dist/web',
    ice: { stunUrls: [], turnUrls: [], turnSecret: undefined, turnTtlSeconds: 3600 },
    writesPerMinute: 60,
    transcriptsKept: 10,
    operatorKey: undefined,
    logLevel: 'info',
  });
});

test('every variable is read; an empty one takes its default; others are no concern', () => {
  const config = readConfig({
    HOST: '::',
    PORT: '0',
    DATA_DIR: '/var/lib/murmuration',
    DATABASE_URL: 'postgres://u:p@db/m',
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
    LOG_LEVEL: 'debug',
    HOME: '/root',
  });
  expect(config).toEqual({
    host: '::',
    port: 0,
    dataDir: '/var/lib/murmuration',
    databaseUrl: 'postgres://u:p@db/m',
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
    logLevel: 'debug',
  });
});

test.each([
  ['PORT', '65536'],
  ['PORT', '-1'],
  ['PORT', '80.5'],
  ['PORT', '0x50'],
  ['DATABASE_URL', 'mysql://u:p@db/m'],
  ['PUBLIC_ORIGIN', 'https://learn.example.org/path'],
  ['PUBLIC_ORIGIN', 'example.net:8443'],
  ['TRUST_PROXY', 'perhaps'],
  ['STUN_URLS', 'https://a.example'],
  ['TURN_TTL_SECONDS', '10'],
  ['WRITES_PER_MINUTE', '0'],
  ['LOG_LEVEL', 'loud'],
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
