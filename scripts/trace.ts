/** Set by the page that is watched, so that its main thread is known in a trace of the whole browser. */
export const OBSERVED_MARK = 'bench-observed';

/** One task of a page's main thread. */
export interface Task {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** What took longest inside it, each with what it contains. */
  readonly parts: readonly { readonly name: string; readonly wallMs: number }[];
}

/** Trace event format: complete events, times in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: {
    readonly src_func?: string;
    readonly data?: { readonly functionName?: string; readonly url?: string };
  };
}

const TASK = /RunTask$/;
const MAX_PARTS = 4;

/** @returns the tasks of the watched page's main thread above this duration, longest first. */
export function longTasks(trace: Buffer, aboveMs: number): Task[] {
  const { traceEvents } = JSON.parse(trace.toString('utf8')) as { traceEvents: TraceEvent[] };
  const mark = traceEvents.find(({ name }) => name === OBSERVED_MARK);
  if (mark === undefined) throw new Error('The watched page did not show in the trace.');
  const own = traceEvents.filter(
    ({ pid, tid, ph, dur }) => pid === mark.pid && tid === mark.tid && ph === 'X' && dur !== undefined,
  );
  return own
    .filter(({ name, dur }) => TASK.test(name) && dur! / 1000 >= aboveMs)
    .sort((a, b) => b.dur! - a.dur!)
    .map((task) => ({
      wallMs: task.dur! / 1000,
      cpuMs: (task.tdur ?? task.dur!) / 1000,
      parts: own
        .filter(({ name, ts, dur }) => !TASK.test(name) && ts >= task.ts && ts + dur! <= task.ts + task.dur!)
        .sort((a, b) => b.dur! - a.dur!)
        .slice(0, MAX_PARTS)
        .map((part) => ({ name: nameOf(part), wallMs: part.dur! / 1000 })),
    }));
}

function nameOf({ name, args }: TraceEvent): string {
  const detail = args?.data?.functionName;
  return detail === undefined || detail === '' ? name : `${name} ${detail}`;
}
