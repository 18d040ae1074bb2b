import { type Answer, backendOf, type Call, type Column, remoteSide, type Side } from './side.ts';

/** Where sides run. */
export interface Host {
  readonly name: string;
  readonly columns: readonly Column[];
  open(column: Column): Promise<Link>;
  /** Ends whatever is still open. */
  close(): Promise<void>;
}

/** To a worker or process. */
export interface Link {
  /** One call at a time. Rejects when the far end died. */
  ask(call: Call): Promise<Answer>;
  /** Ends it in the midst of whatever it does. */
  stop(): Promise<void>;
}

/** A side that comes back: one that died or took too long is ended, and begins anew with the next job. */
export interface KeptSide {
  readonly side: Side;
  /** What it runs on, in words. */
  readonly device: string;
  stop(): Promise<void>;
}

/** @param limitMs for each call. @throws when the side does not start. */
export async function keepSide(host: Host, column: Column, limitMs: number): Promise<KeptSide> {
  const backend = backendOf(column);
  let link: Link | undefined;

  async function stop(): Promise<void> {
    const stopped = link;
    link = undefined;
    await stopped?.stop();
  }

  async function ask(call: Call): Promise<Answer> {
    const isNew = link === undefined;
    if (link === undefined) {
      if (call.method !== 'prepare' && call.method !== 'start') throw new Error('It has been stopped.');
      link = await host.open(column);
    }
    try {
      if (isNew && call.method !== 'start') await withinMs(limitMs, remoteSide(link.ask).start(backend));
      return await withinMs(limitMs, link.ask(call));
    } catch (error) {
      await stop();
      throw error;
    }
  }

  const side = remoteSide(ask);
  try {
    return { side, device: await side.start(backend), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function withinMs<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${limitMs / 1000} s.`)), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
