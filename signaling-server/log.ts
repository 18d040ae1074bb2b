import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';
import { MurmurationError } from '../shared/errors/index.ts';
import type { ServerConfig } from './config.ts';

/** Names of fields that hold what opens doors, as this code and HTTP spell them. */
const SECRETS = [
  'accessKeyId',
  'apiKey',
  'authorization',
  'cookie',
  'credential',
  'credentials',
  'databaseUrl',
  'idempotencyKey',
  'jwt',
  'operatorKey',
  'otlpEndpoint',
  'password',
  'privateKey',
  'redisUrl',
  'secret',
  'secretAccessKey',
  'secretKey',
  'sessionToken',
  'set-cookie',
  'token',
  'turnSecret',
  'x-api-key',
];
/** Fields lie so many objects deep at most: `{request: {headers: {authorization}}}` is 2. */
const MAX_DEPTH = 4;

/** JSON lines on standard output. Never data, updates, keys or credentials. */
export function createLog(level: ServerConfig['logLevel'], destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    redact: { paths: SECRETS.flatMap(pathsOf) },
    serializers: { err: describeError },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Every line that is written for one request says so. What concerns a training names it as `training`. */
export function requestLog(log: Logger, requestId: string): Logger {
  return log.child({ requestId });
}

function pathsOf(name: string): string[] {
  const field = /^\w+$/.test(name) ? `.${name}` : `["${name}"]`;
  return Array.from({ length: MAX_DEPTH + 1 }, (_, depth) => {
    const path = '.*'.repeat(depth) + field;
    return path.replace(/^\./, '');
  });
}

/** Our own errors in full; of others, the kind and the place. A driver's message may quote a row. */
export function describeError(thrown: unknown): unknown {
  if (thrown instanceof MurmurationError) {
    const { cause, ...facts } = thrown.facts;
    return {
      code: thrown.code,
      message: thrown.message,
      facts,
      ...(cause === undefined ? {} : { cause: describeError(cause) }),
    };
  }
  if (!(thrown instanceof Error)) return { type: typeof thrown };
  const { type, stack } = stdSerializers.err(thrown);
  const frames = stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return { type, code: (thrown as { code?: unknown }).code, stack: frames?.join('\n') };
}
