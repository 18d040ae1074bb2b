import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import type { MiddlewareHandler } from 'hono';
import type { Logger } from 'pino';
import packageJson from '../../package.json' with { type: 'json' };
import type { EventOf, ServerEvent } from '../events.ts';
import { routeOf } from './http-metrics.ts';
import { parseTraceparent } from './traceparent.ts';
import type { Tracing } from './tracing.ts';

/** Spans that wait for a collector that is away; more are dropped. */
const MAX_QUEUED = 2048;
const BATCH = 256;
const SEND_EVERY_MS = 5_000;
const EXPORT_TIMEOUT_MS = 5_000;
/** Rounds and trainings that are remembered until they end. */
const MAX_OPEN = 1000;

export interface OtelOptions {
  readonly endpoint: string;
  readonly log: Pick<Logger, 'warn'>;
  readonly sendEveryMs?: number;
}

export function otelTracing({ endpoint, log, sendEveryMs = SEND_EVERY_MS }: OtelOptions): Tracing {
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new BasicTracerProvider({
    spanProcessors: [
      new BatchSpanProcessor(saying(exporter, log), {
        maxQueueSize: MAX_QUEUED,
        maxExportBatchSize: BATCH,
        scheduledDelayMillis: sendEveryMs,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
    resource: resourceOf(),
  });
  const tracer = provider.getTracer('murmuration', packageJson.version);
  /** Not the global context manager: several servers may live in one process. */
  const requests = new AsyncLocalStorage<SpanContext>();
  const trainings = new Map<string, SpanContext>();
  const rounds = new Map<string, Span>();

  const middleware: MiddlewareHandler = async (c, next) => {
    const parent = parseTraceparent(c.req.header('traceparent'));
    const span = tracer.startSpan(
      c.req.method,
      { kind: SpanKind.SERVER, attributes: { 'http.request.method': c.req.method } },
      parent === undefined ? ROOT_CONTEXT : under(parent),
    );
    try {
      await requests.run(span.spanContext(), next);
    } finally {
      const route = routeOf(c);
      span.updateName(`${c.req.method} ${route}`);
      span.setAttributes({ 'http.route': route, 'http.response.status_code': c.res.status });
      if (c.res.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    }
  };

  function startRound(event: EventOf<'round-started'>): void {
    const { federation, run, training, round, attempt, cohort, atMs } = event;
    const parent = training === undefined ? undefined : trainings.get(training);
    const attributes = {
      'fl.federation': federation,
      'fl.run': run,
      'fl.round': round,
      'fl.attempt': attempt,
      'fl.cohort': cohort,
      ...(training === undefined ? {} : { 'job.id': training }),
    };
    const span = tracer.startSpan(
      'training_round',
      { startTime: new Date(atMs), attributes },
      parent === undefined ? ROOT_CONTEXT : under(parent),
    );
    const key = keyOf(event);
    endRound(key, (older) => older.end());
    keep(rounds, key, span, (oldest) => oldest.end());
  }

  function notePhase(event: EventOf<'round-phase'>): void {
    const span = rounds.get(keyOf(event));
    if (span === undefined) return;
    const { attributes } = span as Span & { readonly attributes?: Readonly<Record<string, string | number>> };
    tracer
      .startSpan(
        event.phase,
        { startTime: new Date(event.startedAtMs), attributes: attributes ?? {} },
        under(span.spanContext()),
      )
      .end(new Date(event.endedAtMs));
  }

  function endRound(key: string, finish: (span: Span) => void): void {
    const span = rounds.get(key);
    if (span === undefined) return;
    rounds.delete(key);
    finish(span);
  }

  function note(event: ServerEvent): void {
    switch (event.type) {
      case 'training': {
        const { id, endedAtMs } = event.training;
        const request = requests.getStore();
        if (endedAtMs !== null) trainings.delete(id);
        else if (request !== undefined && !trainings.has(id)) keep(trainings, id, request);
        return;
      }
      case 'round-started':
        return startRound(event);
      case 'round-phase':
        return notePhase(event);
      case 'round-committed':
        // Of its attempts the last is the one that was committed.
        for (const key of keysOf(rounds, event))
          endRound(key, (span) => {
            span.setAttributes({ 'fl.survivors': event.survivors, 'fl.bytes': event.bytes });
            span.end(new Date(event.atMs));
          });
        return;
      case 'round-abandoned':
        return endRound(keyOf(event), (span) => {
          span.setAttribute('error.type', event.code);
          span.setStatus({ code: SpanStatusCode.ERROR });
          span.end(new Date(event.atMs));
        });
    }
  }

  return {
    middleware,
    note,
    async close() {
      for (const span of rounds.values()) span.end();
      rounds.clear();
      await provider.shutdown().catch((err: unknown) => log.warn({ err }, 'the last spans were not sent'));
    },
  };
}

/** What the SDK asks of a resource; its own builder is in a package that is not ours to import. */
function resourceOf(): Resource {
  const attributes = { 'service.name': 'murmuration', 'service.version': packageJson.version };
  const resource: Resource = {
    attributes,
    merge: () => resource,
    getRawAttributes: () => Object.entries(attributes),
  };
  return resource;
}

type Resource = NonNullable<NonNullable<ConstructorParameters<typeof BasicTracerProvider>[0]>['resource']>;

/** One line when the collector goes away, one when it is back. */
function saying(exporter: SpanExporter, log: Pick<Logger, 'warn'>): SpanExporter {
  let isAway = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const failed = result.code !== 0;
        if (failed !== isAway)
          log.warn(failed ? 'the collector of traces is away; spans are dropped' : 'the collector is back');
        isAway = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush === undefined ? {} : { forceFlush: () => exporter.forceFlush!() }),
  };
}

function under(parent: SpanContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

interface RoundName {
  readonly run: string;
  readonly round: number;
  readonly attempt: number;
}

function keyOf({ run, round, attempt }: RoundName): string {
  return `${run}/${round}/${attempt}`;
}

function keysOf(rounds: ReadonlyMap<string, Span>, { run, round }: Omit<RoundName, 'attempt'>): string[] {
  return [...rounds.keys()].filter((key) => key.startsWith(`${run}/${round}/`));
}

/** The oldest gives way. */
function keep<T>(
  map: Map<string, T>,
  key: string,
  value: T,
  evict: (value: T) => void = () => undefined,
): void {
  map.set(key, value);
  if (map.size <= MAX_OPEN) return;
  const [oldest, gone] = map.entries().next().value!;
  map.delete(oldest);
  evict(gone);
}
