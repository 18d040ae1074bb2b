import { randomUUID } from 'node:crypto';
import autocannon, { type Request } from 'autocannon';
import { crowdFederation, type SeededData } from './seeded.ts';

export interface RestCase {
  readonly name: string;
  /** Asked one after the other on each connection. */
  readonly requests: readonly Request[];
  /** What every answer has to be. */
  readonly status: readonly number[];
}

export interface RestResult {
  readonly name: string;
  readonly perSecond: number;
  readonly meanMs: number;
  readonly p99Ms: number;
  /** Of the server, for each request. */
  readonly processorUs: number;
  /** Answers that were not what they had to be, and requests without any. */
  readonly wrong: number;
}

const CONNECTIONS = 10;
const STARTED_FEDERATIONS = 3 * CONNECTIONS;
/** Federations that there have to be. */
export const REST_FEDERATIONS = 1 + STARTED_FEDERATIONS;

export async function loadRest(
  url: string,
  { name, requests, status }: RestCase,
  seconds: number,
  processorMs: () => number,
): Promise<RestResult> {
  const run = (duration: number) => autocannon({ url, connections: CONNECTIONS, duration, requests });
  await run(1); // what is asked for the first time is compiled, and counted for nothing
  const beforeMs = processorMs();
  const result = await run(seconds);
  const right = status.reduce((sum, code) => sum + (result.statusCodeStats[code]?.count ?? 0), 0);
  const { total } = result.requests;
  return {
    name,
    perSecond: right / result.duration,
    meanMs: result.latency.mean,
    p99Ms: result.latency.p99,
    processorUs: (1000 * (processorMs() - beforeMs)) / total,
    wrong: total - right + result.errors + result.timeouts,
  };
}

/** Under this name the training was started that is asked for, and started again. */
export const START_NAME = 'bench';

/** @param key of an operator's account. @param operatorKey of the environment, which is compared and looked up nowhere. */
export function restCases(
  seeded: SeededData,
  training: string,
  key: string,
  operatorKey: string,
): RestCase[] {
  const federation = `/api/federations/${seeded.federation}`;
  const by = (credential: string) => ({ authorization: `Bearer ${credential}` });
  const get = (name: string, path: string, headers: Record<string, string> = {}, status = 200): RestCase => ({
    name,
    requests: [{ method: 'GET', path, headers }],
    status: [status],
  });
  const order = { 'content-type': 'application/json', ...by(key) };
  const replay: Request = {
    method: 'POST',
    path: '/api/training/start',
    headers: { ...order, 'idempotency-key': START_NAME },
    body: JSON.stringify({ federation: crowdFederation(0) }),
  };
  return [
    get('GET federation', federation),
    get('GET federation, operator key', federation, by(operatorKey)),
    get('GET federation, API key', federation, by(key)),
    get('GET federation, gzip', federation, { 'accept-encoding': 'gzip' }),
    get('GET run status', `/api/runs/${seeded.run}`),
    get('GET training status, API key', `/api/training/${training}/status`, by(key)),
    { name: 'POST start, replayed', requests: [replay], status: [201] },
    { name: 'POST start, then stop', requests: startAndStop(order), status: [200, 201] },
  ];
}

/**
 * A federation has one training at a time: each connection takes one that nobody else has. What a run that ends leaves behind is
 * not given back; there are as many again for the next.
 */
function startAndStop(headers: Record<string, string>): Request[] {
  const free = Array.from({ length: STARTED_FEDERATIONS }, (_, i) => crowdFederation(i + 1));
  return [
    {
      setupRequest(request, context) {
        context.federation = free.shift()!;
        const body = JSON.stringify({ federation: context.federation });
        return {
          ...request,
          ...{ method: 'POST', path: '/api/training/start', body },
          headers: { ...headers, 'idempotency-key': randomUUID() },
        };
      },
      onResponse(_status, body, context) {
        context.training = (JSON.parse(body) as { id: string }).id;
      },
    },
    {
      setupRequest: (request, { training }) => ({
        ...request,
        ...{ method: 'POST', path: `/api/training/${training}/stop`, headers, body: '{}' },
      }),
      onResponse(_status, _body, { federation }) {
        free.push(federation!);
      },
    },
  ];
}
