import {
  type ErrorCode,
  type ErrorRecord,
  MurmurationError,
  toErrorRecord,
} from '../../shared/errors/index.ts';

/** Codes that are the fault of the request, or of the moment. Every other code is a failure of the server. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  'argument.invalid': 400,
  'http.bad-request': 400,
  'federation.invalid': 400,
  'data.unreadable': 400,
  'data.empty': 400,
  'data.missing-column': 400,
  'data.invalid-value': 400,
  'data.unknown-label': 400,
  'data.wrong-shape': 400,
  'data.too-small': 400,
  'update.non-finite': 400,
  'update.overflow': 400,
  'update.wrong-length': 400,
  'model.invalid': 400,
  'model.layout-mismatch': 400,
  'model.hash-mismatch': 400,
  'model.unsupported': 400,
  'privacy.invalid-parameter': 400,
  'privacy.cannot-calibrate': 400,
  'wire.malformed': 400,
  'wire.version': 400,
  'wire.integrity': 400,
  'http.unauthorized': 401,
  'access.expired': 401,
  'access.revoked': 401,
  'identity.bad-signature': 401,
  'http.forbidden': 403,
  'access.not-admitted': 403,
  'privacy.consent-missing': 403,
  'privacy.consent-withdrawn': 403,
  'privacy.policy-unmet': 403,
  'privacy.budget-exceeded': 403,
  'access.invitation-used': 403,
  'participant.blocked': 403,
  'participant.quarantined': 403,
  'identity.mismatch': 403,
  'http.not-found': 404,
  'federation.unknown': 404,
  'model.unavailable': 404,
  'http.conflict': 409,
  'privacy.policy-changed': 409,
  'aggregate.rollback-failed': 409,
  'federation.conflict': 409,
  'wire.stale': 409,
  'wire.replayed': 409,
  'wire.out-of-phase': 409,
  'http.too-large': 413,
  'http.unsupported-type': 415,
  'wire.too-large': 413,
  'wire.rate-limited': 429,
  'http.unavailable': 503,
  'storage.unavailable': 503,
  'storage.conflict': 503,
  'storage.full': 507,
};

export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? 500;
}

/**
 * A refusal as problem details (RFC 9457), with our code and facts as extension members. What was thrown by
 * somebody else's code is not repeated to the client: its message may quote data, and its stack is no help.
 */
export function problemResponse(thrown: unknown, headers: Record<string, string> = {}): Response {
  const known = thrown instanceof MurmurationError ? thrown : UNNAMED;
  const { code, message, ...facts }: ErrorRecord = toErrorRecord(known);
  const status = statusOf(code);
  const body = {
    type: `urn:murmuration:error:${code}`,
    title: code,
    status,
    detail: message,
    code,
    ...facts,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      // The rest of a body that is too large is still on its way: this connection is of no further use.
      ...(status === 413 ? { connection: 'close' } : {}),
      ...headers,
    },
  });
}

const UNNAMED = new MurmurationError('internal', 'The server failed at this request.', {
  remedy: 'Try again; the log of the server says more.',
});
