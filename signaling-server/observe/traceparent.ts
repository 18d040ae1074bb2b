import type { SpanContext } from '@opentelemetry/api';

const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/;

/** The caller's span, of a `traceparent` header (W3C Trace Context, section 3.2); undefined where there is none to speak of. */
export function parseTraceparent(header: string | undefined): SpanContext | undefined {
  const match = TRACEPARENT.exec(header ?? '');
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags] = match as unknown as [string, string, string, string, string];
  const isInvalid =
    version === 'ff' ||
    (version === '00' && header!.length !== 55) ||
    /^0+$/.test(traceId) ||
    /^0+$/.test(spanId);
  if (isInvalid) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}
