import type { ConnectionsResult } from './connections.ts';
import type { DownloadResult } from './downloads.ts';
import type { RelayResult } from './relay.ts';
import type { RestResult } from './rest.ts';
import type { SoakResult } from './soak.ts';
import type { StartUpResult } from './start-up.ts';

/** A figure of the server beside that of the bare one under the same load. */
export interface Pair<T> {
  readonly ours: T;
  readonly bare: T;
}

export interface Results {
  readonly startUp?: StartUpResult;
  readonly connections?: Pair<ConnectionsResult>;
  readonly relay?: Pair<RelayResult>;
  readonly rest?: { readonly ours: readonly RestResult[]; readonly bare: RestResult };
  readonly downloads?: Pair<DownloadResult> & { readonly notModified: RestResult };
  readonly soak?: SoakResult;
}

/** The first is what was asked for. The others leave a busy machine room: what fails them is a change of the server. */
export const BOUNDS = {
  relayP99Ms: 60,
  bytesPerConnection: 48 * 1024,
  /** Processor time of a relayed message, of ours ÷ of the bare server. */
  relayOverhead: 2,
  startUpMs: 30_000,
  downloadMegabytesPerSecond: 100,
  /** Of what the process holds. 2 kB left behind by each visit of the soak would be more. */
  growthPerHour: 0.05,
} as const;

/** Fewer minutes after the settling say too little of an hour. */
export const MIN_TREND_MINUTES = 10;

/** What is beyond its bound, in words. What was not measured is held to nothing. */
export function failuresOf({ startUp, connections, relay, rest, downloads, soak }: Results): string[] {
  const failures: string[] = [];
  const hold = (isHeld: boolean, failure: string): void => {
    if (!isHeld) failures.push(failure);
  };
  const most = (name: string, value: number, bound: number): void =>
    hold(value <= bound, `${name}: ${value.toFixed(2)}, at most ${bound}`);
  if (startUp !== undefined) {
    most('ms to start on an empty folder', startUp.emptyMs.median, BOUNDS.startUpMs);
    most('ms to start with data', startUp.seededMs.median, BOUNDS.startUpMs);
  }
  if (connections !== undefined)
    most('bytes per connection', connections.ours.bytesEach, BOUNDS.bytesPerConnection);
  if (relay !== undefined) {
    most('relayed messages lost', relay.ours.lost, 0);
    most('p99 ms of relayed messages', relay.ours.latencyMs.p99, BOUNDS.relayP99Ms);
    most(
      'processor time of a relayed message, ours ÷ bare',
      relay.ours.processorUs / relay.bare.processorUs,
      BOUNDS.relayOverhead,
    );
  }
  for (const { name, wrong } of rest?.ours ?? []) most(`${name}: wrong answers`, wrong, 0);
  if (downloads !== undefined) {
    const { ours, notModified } = downloads;
    hold(
      ours.megabytesPerSecond >= BOUNDS.downloadMegabytesPerSecond,
      `MB/s of models: ${ours.megabytesPerSecond.toFixed(1)}, at least ${BOUNDS.downloadMegabytesPerSecond}`,
    );
    most('304s: wrong answers', notModified.wrong, 0);
  }
  if (soak !== undefined) {
    most('soak: relayed messages lost', soak.lost, 0);
    const { trend } = soak;
    if (trend !== undefined && trend.minutes >= MIN_TREND_MINUTES)
      most('growth of memory in an hour', trend.growthPerHour, BOUNDS.growthPerHour);
  }
  return failures;
}
