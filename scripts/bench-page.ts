import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, Page } from '@playwright/test';
import { launchBrowser } from '../e2e/harness/browser.ts';
import { type BrowserParticipant, openParticipant } from '../e2e/harness/participant.ts';
import { startServerProcess } from '../e2e/harness/server-process.ts';
import type { Services } from '../web/src/app/services.ts';
import { benchFederation, EXAMPLES, postFederation } from './bench-federation.ts';
import { integerOption, readOptions, writeJson } from './options.ts';
import { formatTable, grouped, quantile } from './table.ts';
import { longTasks, OBSERVED_MARK, type Task } from './trace.ts';

/**
 * How the page of a phone-wide participant behaves while it trains with another: long tasks of its main thread,
 * frames a second, how long joining takes; and what the first load weighs.
 */
const BOUNDS = { taskMs: 50, framesPerSecond: 55, scriptBytes: 200_000, joinMs: 10_000 } as const;
const PHONE = { width: 390, height: 844 } as const;
/** The fewest that train together: each is a device of its own, and here they share two cores. */
const PEERS = 2;
const JOIN_MS = 120_000;
/** Rounds before measuring: the trainer has chosen its backend and code is compiled. */
const WARM_UP_ROUNDS = 2;
const FRAME_WINDOW_MS = 1000;

interface RunResult {
  readonly name: string;
  /** False for a model ten times the size of what the page offers: reported, not bounded. */
  readonly bounded: boolean;
  /** From opening the link to taking part, as the page's clock has it. */
  readonly joinMs: number;
  /** Longest task before it had joined, by the wall clock. */
  readonly longestWhileJoiningMs: number;
  readonly longestTaskMs: number;
  /** Without the time in which other processes had the processor. */
  readonly longestTaskCpuMs: number;
  readonly longTasks: readonly Task[];
  readonly framesPerSecond: { readonly median: number; readonly low: number };
  readonly seconds: number;
  readonly rounds: number;
}

interface LoadResult {
  readonly path: string;
  readonly scripts: number;
  readonly gzipBytes: number;
}

// ---- inside the page -----------------------------------------------------------------------------------------

interface BenchWindow {
  benchTasks: { startMs: number; durationMs: number }[];
  benchJoinedMs: number | undefined;
  benchFrames: number[];
}

async function observe(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const bench = globalThis as unknown as BenchWindow;
    bench.benchTasks = [];
    bench.benchJoinedMs = undefined;
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries())
        bench.benchTasks.push({ startMs: startTime, durationMs: duration });
    }).observe({ type: 'longtask', buffered: true });
    const waiting = setInterval(() => {
      const services = (document.querySelector('mm-app') as { services?: Services } | null)?.services;
      if (services === undefined) return;
      clearInterval(waiting);
      services.session.subscribe((snapshot) => {
        if (snapshot === undefined || snapshot.phase.name === 'connecting') return;
        bench.benchJoinedMs ??= performance.now();
      });
    }, 20);
  });
}

/** Frames as requestAnimationFrame has them, over this time. */
async function countFrames(durationMs: number): Promise<number[]> {
  const frames: number[] = [];
  while (frames.length === 0 || frames.at(-1)! - frames[0]! < durationMs)
    frames.push(await new Promise<number>((resolve) => requestAnimationFrame(resolve)));
  return frames;
}

// ---- runs ----------------------------------------------------------------------------------------------------

interface Run {
  readonly name: string;
  readonly bounded: boolean;
  readonly federation: string;
  readonly examples: number;
}

async function measureRun(browser: Browser, url: string, run: Run, seconds: number): Promise<RunResult> {
  const open = (shard: number): Promise<BrowserParticipant> =>
    openParticipant(browser, url, {
      federation: run.federation,
      shard,
      examples: run.examples,
      viewport: PHONE,
      prepare: observe,
    });
  const participants: BrowserParticipant[] = [];
  try {
    for (let shard = 0; shard < PEERS; shard++) participants.push(await open(shard));
    const watched = participants[PEERS - 1]!;
    const { page } = watched;
    const before = await watched.until(({ records }) => records.length >= WARM_UP_ROUNDS, JOIN_MS);
    const trace = await recordTrace(browser, page, async () => {
      const fromMs = await page.evaluate(() => performance.now());
      const frames = await page.evaluate(countFrames, seconds * 1000);
      return { fromMs, frames };
    });
    const after = (await watched.snapshot())!;
    const { tasks, joinedMs } = await page.evaluate(() => {
      const { benchTasks, benchJoinedMs } = globalThis as unknown as BenchWindow;
      return { tasks: benchTasks, joinedMs: benchJoinedMs };
    });
    if (joinedMs === undefined) throw new Error(`The page did not join: ${JSON.stringify(after.phase)}.`);
    const { fromMs, frames } = trace.value;
    const longest = (chosen: typeof tasks): number =>
      Math.max(0, ...chosen.map(({ durationMs }) => durationMs));
    const rates = framesPerWindow(frames);
    return {
      name: run.name,
      bounded: run.bounded,
      joinMs: joinedMs,
      longestWhileJoiningMs: longest(tasks.filter(({ startMs }) => startMs < joinedMs)),
      longestTaskMs: longest(tasks.filter(({ startMs }) => startMs >= fromMs)),
      longestTaskCpuMs: Math.max(0, ...trace.tasks.map(({ cpuMs }) => cpuMs)),
      longTasks: trace.tasks.slice(0, 5),
      framesPerSecond: { median: quantile(rates, 0.5), low: quantile(rates, 0.01) },
      seconds,
      rounds: (after.records.at(-1)?.round ?? 0) - (before.records.at(-1)?.round ?? 0),
    };
  } finally {
    for (const participant of participants) await participant.close();
  }
}

async function recordTrace<T>(
  browser: Browser,
  page: Page,
  action: () => Promise<T>,
): Promise<{ value: T; tasks: Task[] }> {
  await browser.startTracing(page, {
    categories: ['toplevel', 'devtools.timeline', 'blink.user_timing', '__metadata'],
  });
  await page.evaluate((mark) => performance.mark(mark), OBSERVED_MARK);
  const value = await action();
  const tasks = longTasks(await browser.stopTracing(), BOUNDS.taskMs / 2);
  return { value, tasks };
}

function framesPerWindow(atMs: readonly number[]): number[] {
  const counts: number[] = [];
  for (const at of atMs) {
    const window = Math.floor((at - atMs[0]!) / FRAME_WINDOW_MS);
    counts[window] = (counts[window] ?? 0) + 1;
  }
  // The last window is not whole; one without any frame is a hole in the list.
  return Array.from(counts.slice(0, -1), (count: number | undefined) => count ?? 0);
}

/** What the document itself loads and runs; workers come later, with data and training. */
async function measureLoad(browser: Browser, url: string, path: string): Promise<LoadResult> {
  const context = await browser.newContext({ viewport: PHONE, serviceWorkers: 'block' });
  try {
    const page = await context.newPage();
    await page.goto(`${url}${path}`, { waitUntil: 'networkidle' });
    const workers = page.workers().map((worker) => worker.url());
    const loaded = await page.evaluate(() =>
      performance.getEntriesByType('resource').map(({ name }) => name),
    );
    const scripts = [...new Set(loaded)].filter(
      (name) => new URL(name).pathname.endsWith('.js') && !workers.includes(name),
    );
    let gzipBytes = 0;
    for (const script of scripts) {
      const response = await fetch(script);
      gzipBytes += gzipSync(Buffer.from(await response.arrayBuffer())).length;
    }
    return { path, scripts: scripts.length, gzipBytes };
  } finally {
    await context.close();
  }
}

// ---- report --------------------------------------------------------------------------------------------------

function report(loads: readonly LoadResult[], runs: readonly RunResult[]): string {
  const weights = formatTable(
    ['first load of', 'scripts', 'gzip bytes', 'bound'],
    loads.map(({ path, scripts, gzipBytes }) => [
      path,
      scripts,
      grouped(gzipBytes),
      grouped(BOUNDS.scriptBytes),
    ]),
  );
  const behaviour = formatTable(
    [
      'while training',
      'rounds',
      'longest task ms',
      'of it processor ms',
      'frames/s median',
      '1st percentile',
      'opening to joined ms',
      'longest task while joining ms',
    ],
    runs.map((run) => [
      run.name,
      run.rounds,
      grouped(run.longestTaskMs),
      grouped(run.longestTaskCpuMs),
      run.framesPerSecond.median,
      run.framesPerSecond.low,
      grouped(run.joinMs),
      grouped(run.longestWhileJoiningMs),
    ]),
  );
  const tasks = runs.flatMap(({ name, longTasks: list }) =>
    list.map(({ wallMs, cpuMs, parts }) => [
      name,
      wallMs.toFixed(1),
      cpuMs.toFixed(1),
      parts.map((part) => `${part.name} ${part.wallMs.toFixed(0)}`).join(', '),
    ]),
  );
  const details =
    tasks.length === 0
      ? []
      : [
          '',
          'The longest tasks of the main thread.',
          formatTable(['run', 'ms', 'processor ms', 'what'], tasks),
        ];
  return [
    weights,
    '',
    `A page of ${PHONE.width} px among ${PEERS} participants. A longest task of 0 ms: none reached 50 ms.`,
    behaviour,
    ...details,
  ].join('\n');
}

function failuresOf(loads: readonly LoadResult[], runs: readonly RunResult[]): string[] {
  return [
    ...loads
      .filter(({ gzipBytes }) => gzipBytes > BOUNDS.scriptBytes)
      .map(
        ({ path, gzipBytes }) =>
          `${path}: ${grouped(gzipBytes)} bytes of script, bound ${BOUNDS.scriptBytes}`,
      ),
    ...runs
      .filter(({ bounded }) => bounded)
      .flatMap(({ name, longestTaskMs, framesPerSecond, joinMs }) => [
        ...(longestTaskMs > BOUNDS.taskMs
          ? [`${name}: a task of ${grouped(longestTaskMs)} ms, bound ${BOUNDS.taskMs}`]
          : []),
        ...(framesPerSecond.median < BOUNDS.framesPerSecond
          ? [`${name}: ${framesPerSecond.median} frames a second, bound ${BOUNDS.framesPerSecond}`]
          : []),
        ...(joinMs > BOUNDS.joinMs
          ? [`${name}: joined after ${grouped(joinMs)} ms, bound ${BOUNDS.joinMs}`]
          : []),
      ]),
  ];
}

const options = readOptions({ seconds: { type: 'string', default: '20' } });
const seconds = integerOption('seconds', options.seconds, 5, 600);
const server = await startServerProcess();
const browser = await launchBrowser();
try {
  const large = benchFederation('large', { minParticipants: 2, rounds: 10_000, checkpointEvery: 10 });
  await postFederation(server.url, large);
  const loads = [
    await measureLoad(browser, server.url, '/'),
    await measureLoad(browser, server.url, '/f/digits'),
  ];
  const runs = [
    await measureRun(
      browser,
      server.url,
      { name: 'digits', bounded: true, federation: 'digits', examples: 1000 },
      seconds,
    ),
    await measureRun(
      browser,
      server.url,
      { name: '1,000,000 parameters', bounded: false, federation: large.id, examples: EXAMPLES },
      seconds,
    ),
  ];
  console.log(report(loads, runs));
  writeJson(options.json, { date: new Date().toISOString(), loads, runs });
  const failures = failuresOf(loads, runs);
  for (const failure of failures) console.error(failure);
  if (options.check && failures.length > 0) process.exitCode = 1;
} finally {
  await browser.close();
  await server.stop();
}
