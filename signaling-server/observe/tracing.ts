import type { MiddlewareHandler } from 'hono';
import type { Logger } from 'pino';
import type { ServerEvent } from '../events.ts';

/** What one training and its rounds took, for whoever collects traces. */
export interface Tracing {
  /** A span for each request; what it starts belongs to it. */
  readonly middleware: MiddlewareHandler;
  note(event: ServerEvent): void;
  /** Sends what is left, for a moment. */
  close(): Promise<void>;
}

const NO_TRACING: Tracing = {
  middleware: (_c, next) => next(),
  note: () => undefined,
  close: async () => undefined,
};

/**
 * OpenTelemetry is large and slow to load: without an endpoint nothing of it is.
 * @param endpoint of an OTLP/HTTP collector (OTEL_EXPORTER_OTLP_ENDPOINT); spans go to `ENDPOINT/v1/traces`.
 */
export async function startTracing(
  endpoint: string | undefined,
  log: Pick<Logger, 'warn'>,
): Promise<Tracing> {
  if (endpoint === undefined) return NO_TRACING;
  const { otelTracing } = await import('./otel-tracing.ts');
  return otelTracing({ endpoint, log });
}
