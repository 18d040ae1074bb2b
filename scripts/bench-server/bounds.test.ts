import { describe, expect, it } from 'vitest';
import { BOUNDS, failuresOf, MIN_TREND_MINUTES, type Results } from './bounds.ts';
import type { ConnectionsResult } from './connections.ts';
import type { RelayResult } from './relay.ts';
import { report } from './report.ts';
import type { RestResult } from './rest.ts';

const percentiles = { p50: 1, p99: BOUNDS.relayP99Ms, p999: 100, max: 200 };
const spread = { median: BOUNDS.startUpMs, min: 1, max: 2 * BOUNDS.startUpMs };
const connections: ConnectionsResult = {
  ...{ count: 5000, connectMs: 50_000, perSecond: 100, handshakeMs: percentiles, processorUs: 5000 },
  ...{ bytesEach: BOUNDS.bytesPerConnection, atRest: 0.1 },
};
const relay: RelayResult = {
  ...{ perSecond: 8000, sent: 160_000, lost: 0, latencyMs: percentiles, sentLateMs: percentiles },
  ...{ processorUs: 20 * BOUNDS.relayOverhead, busy: 0.5 },
};
const rest: RestResult = { name: 'GET', perSecond: 500, meanMs: 20, p99Ms: 40, processorUs: 1000, wrong: 0 };
const download = {
  ...{ bytes: 4e6, perSecond: 25, megabytesPerSecond: BOUNDS.downloadMegabytesPerSecond, processorMs: 10 },
};
const trend = { growthPerHour: BOUNDS.growthPerHour, uncertainty: 0.01, minutes: MIN_TREND_MINUTES };
const soak = {
  ...{ rssByMinute: [1e8, 1e8], heapByMinute: [5e7, 5e7], trend },
  ...{ rounds: 10, relayed: 1000, lost: 0, connections: 200, requests: 100 },
};

/** All at their bounds. */
const results = {
  startUp: {
    ...{ emptyMs: spread, againMs: spread, seededMs: spread, emptyRssBytes: 3e8, seededRssBytes: 3e8 },
    databaseMs: { first: 3000, again: 1000 },
  },
  connections: { ours: connections, bare: connections },
  relay: { ours: relay, bare: { ...relay, processorUs: 20 } },
  rest: { ours: [rest], bare: rest },
  downloads: { ours: download, bare: download, notModified: rest },
  soak,
} satisfies Results;

it('passes what is at its bounds, and what was not measured', () => {
  expect(failuresOf(results)).toEqual([]);
  expect(failuresOf({})).toEqual([]);
});

describe('fails', () => {
  it.each<[string, Results]>([
    [
      'a slow start',
      { startUp: { ...results.startUp, emptyMs: { ...spread, median: BOUNDS.startUpMs + 1 } } },
    ],
    [
      'a slow start with data',
      { startUp: { ...results.startUp, seededMs: { ...spread, median: BOUNDS.startUpMs + 1 } } },
    ],
    [
      'connections that hold much',
      {
        connections: {
          ...results.connections,
          ours: { ...connections, bytesEach: BOUNDS.bytesPerConnection + 1 },
        },
      },
    ],
    ['a lost message', { relay: { ...results.relay, ours: { ...relay, lost: 1 } } }],
    [
      'late messages',
      {
        relay: {
          ...results.relay,
          ours: { ...relay, latencyMs: { ...percentiles, p99: BOUNDS.relayP99Ms + 1 } },
        },
      },
    ],
    ['messages that cost much', { relay: { ...results.relay, bare: { ...relay, processorUs: 19 } } }],
    ['a wrong answer', { rest: { ...results.rest, ours: [{ ...rest, wrong: 1 }] } }],
    [
      'slow downloads',
      {
        downloads: {
          ...results.downloads,
          ours: { ...download, megabytesPerSecond: BOUNDS.downloadMegabytesPerSecond - 1 },
        },
      },
    ],
    [
      'what was not to be sent again',
      { downloads: { ...results.downloads, notModified: { ...rest, wrong: 1 } } },
    ],
    ['growth', { soak: { ...soak, trend: { ...trend, growthPerHour: BOUNDS.growthPerHour + 0.001 } } }],
    ['a message lost in the soak', { soak: { ...soak, lost: 1 } }],
  ])('%s', (_, changed) => {
    expect(failuresOf({ ...results, ...changed })).toHaveLength(1);
  });
});

it('holds no growth against a soak that is too short to tell', () => {
  const short = { ...trend, growthPerHour: 1, minutes: MIN_TREND_MINUTES - 1 };
  expect(failuresOf({ soak: { ...soak, trend: short } })).toEqual([]);
  expect(failuresOf({ soak: { ...soak, trend: undefined } })).toEqual([]);
});

it('reports every part', () => {
  const text = report(results);
  for (const part of ['start-up', 'connections', 'relay', 'requests', 'downloads', 'minute'])
    expect(text).toContain(`| ${part}`.replace('| downloads', '| model downloads'));
  expect(text).toContain('An hour adds 5.0 % ± 1.0 %, by 10 minutes after the first five.');
});
