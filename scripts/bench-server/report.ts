import { formatTable, grouped } from '../table.ts';
import type { Pair, Results } from './bounds.ts';
import type { ConnectionsResult } from './connections.ts';
import type { DownloadResult } from './downloads.ts';
import type { RelayResult } from './relay.ts';
import type { RestResult } from './rest.ts';
import type { SoakResult } from './soak.ts';
import type { Spread, StartUpResult } from './start-up.ts';

const MB = 1e6;

/** What was measured, as tables. */
export function report({ startUp, connections, relay, rest, downloads, soak }: Results): string {
  return [
    startUp && reportStartUp(startUp),
    connections && reportConnections(connections),
    relay && reportRelay(relay),
    rest && reportRest([...rest.ours, rest.bare]),
    downloads && reportDownloads(downloads, downloads.notModified),
    soak && reportSoak(soak),
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

function reportStartUp({ emptyMs, againMs, seededMs, databaseMs, ...rss }: StartUpResult): string {
  const row = (name: string, { median, min, max }: Spread, bytes?: number) => [
    ...[name, grouped(median), grouped(min), grouped(max)],
    bytes === undefined ? undefined : grouped(bytes / MB),
  ];
  const alone = (ms: number): Spread => ({ median: ms, min: ms, max: ms });
  return formatTable(
    ['start-up, process to /health 200', 'median ms', 'min', 'max', 'resident MB'],
    [
      row('empty data folder', emptyMs, rss.emptyRssBytes),
      row('the same folder again', againMs),
      row('folder with data', seededMs, rss.seededRssBytes),
      row('database alone, made', alone(databaseMs.first)),
      row('database alone, with data', alone(databaseMs.again)),
    ],
  );
}

function reportConnections({ ours, bare }: Pair<ConnectionsResult>): string {
  const row = (name: string, result: ConnectionsResult) => [
    ...[name, grouped(result.count), grouped(result.connectMs / 1000, 1), grouped(result.perSecond)],
    ...[grouped(result.handshakeMs.p50, 1), grouped(result.handshakeMs.p99, 1)],
    ...[grouped(result.processorUs), grouped(result.bytesEach / 1024, 1)],
    percent(result.atRest),
  ];
  return formatTable(
    [
      'connections',
      'count',
      's',
      'per s',
      'p50 ms',
      'p99 ms',
      'processor µs each',
      'kB each',
      'at rest, of the core',
    ],
    [row('ours', ours), row('bare', bare)],
  );
}

function reportRelay({ ours, bare }: Pair<RelayResult>): string {
  const row = (
    name: string,
    { perSecond, sent, lost, latencyMs, sentLateMs, processorUs, busy }: RelayResult,
  ) => [
    ...[name, grouped(perSecond), grouped(sent), lost],
    ...[latencyMs.p50, latencyMs.p99, latencyMs.p999, latencyMs.max].map((ms) => grouped(ms, 2)),
    ...[grouped(sentLateMs.p99, 2), grouped(processorUs, 1), percent(busy)],
  ];
  const ratio = ours.processorUs / bare.processorUs;
  return `${formatTable(
    [
      'relay',
      'per s',
      'sent',
      'lost',
      'p50 ms',
      'p99',
      'p99.9',
      'max',
      'sent late p99',
      'processor µs each',
      'of the core',
    ],
    [row('ours', ours), row('bare', bare)],
  )}\nProcessor time of a relayed message, ours ÷ bare: ${ratio.toFixed(2)}`;
}

function reportRest(results: readonly RestResult[]): string {
  return formatTable(
    ['requests, 10 connections', 'per s', 'mean ms', 'p99 ms', 'processor µs each', 'wrong'],
    results.map(({ name, perSecond, meanMs, p99Ms, processorUs, wrong }) => [
      ...[name, grouped(perSecond), grouped(meanMs, 1), grouped(p99Ms), grouped(processorUs), wrong],
    ]),
  );
}

function reportDownloads({ ours, bare }: Pair<DownloadResult>, notModified: RestResult): string {
  const row = (name: string, { bytes, perSecond, megabytesPerSecond, processorMs }: DownloadResult) => [
    ...[name, grouped(bytes), grouped(perSecond, 1), grouped(megabytesPerSecond), grouped(processorMs, 2)],
  ];
  return formatTable(
    ['model downloads, 4 at once', 'bytes', 'per s', 'MB/s', 'processor ms each'],
    [
      row('ours', ours),
      row('bare', bare),
      ['304', 0, grouped(notModified.perSecond, 1), 0, grouped(notModified.processorUs / 1000, 2)],
    ],
  );
}

function reportSoak({ rssByMinute, heapByMinute, trend, ...counts }: SoakResult): string {
  const every = Math.max(1, Math.floor(rssByMinute.length / 12));
  const shown = rssByMinute.map((_, i) => i).filter((i) => i % every === 0 || i === rssByMinute.length - 1);
  const table = formatTable(
    ['minute', 'resident MB', 'JS heap MB'],
    shown.map((i) => [i + 1, grouped(rssByMinute[i]! / MB, 1), grouped(heapByMinute[i]! / MB, 1)]),
  );
  const load = `${grouped(counts.relayed)} frames relayed, ${counts.lost} lost; ${grouped(counts.connections)} connections; ${grouped(counts.requests)} requests; ${grouped(counts.rounds)} rounds.`;
  const line =
    trend === undefined
      ? 'Too short for a trend.'
      : `An hour adds ${percent(trend.growthPerHour)} ± ${percent(trend.uncertainty)}, by ${trend.minutes} minutes after the first five.`;
  return `${table}\n${load}\n${line}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
