import { type Logger, pino, stdSerializers } from 'pino';
import { MurmurationError } from '../shared/errors/index.ts';
import type { ServerConfig } from './config.ts';

const SECRETS = ['databaseUrl', 'turnSecret', 'credential', 'operatorKey'];

/** JSON lines on standard output. Never data, updates, keys or credentials. */
export function createLog(level: ServerConfig['logLevel']): Logger {
  return pino({
    level,
    base: null,
    redact: {
      paths: SECRETS.flatMap((name) => [name, `*.${name}`]),
    },
    serializers: { err: describeError },
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
