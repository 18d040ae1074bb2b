import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { problemResponse } from './problem.ts';

/**
 * Lets through whoever shows the operator's key as a bearer token. A server without a key has no operator: nothing is open by
 * accident.
 */
export function operatorOnly(operatorKey: string | undefined): MiddlewareHandler {
  return async (c, next) => {
    check(operatorKey !== undefined, 'http.forbidden', 'This server takes no orders from an operator.', {
      remedy: 'Set OPERATOR_KEY, start the server again, and send the key as a bearer token.',
    });
    const shown = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (shown !== undefined && isSame(shown, operatorKey)) return next();
    const error = new MurmurationError('http.unauthorized', 'This takes the key of the operator.', {
      expected: 'Authorization: Bearer <OPERATOR_KEY>',
      received: shown === undefined ? 'no bearer token' : 'another key',
    });
    return problemResponse(error, { 'www-authenticate': 'Bearer' });
  };
}

/** Hashed first: the comparison then takes as long for any length, and any number of right characters. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
