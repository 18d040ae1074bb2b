import { WebSocket } from 'ws';

export interface LiveMessage {
  readonly type: string;
  readonly seq: number;
  readonly [field: string]: unknown;
}

/** Somebody who watches a training over WebSocket. */
export interface Watch {
  /** Number of the newest event when the subscription began. */
  readonly from: number;
  /** Events, in the order of their arrival. */
  readonly events: readonly LiveMessage[];
  /** The first event from the given place on that fits. @throws when none comes in time, or the connection ends. */
  until(fits: (event: LiveMessage) => boolean, timeoutMs: number, fromIndex?: number): Promise<LiveMessage>;
  /** Resolves when all that the server has told so far has arrived, with how many events that is. */
  caughtUp(): Promise<number>;
  close(): void;
}

/** Resolves once subscribed. @throws what the server says instead. */
export async function watchTraining(url: string, bearer: string, trainingId: string): Promise<Watch> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/client_id`, [
    'murmuration.live',
    `bearer.${bearer}`,
  ]);
  const events: LiveMessage[] = [];
  const listeners = new Set<() => void>();
  const pongs: (() => void)[] = [];
  let ended: string | undefined;
  const end = (reason: string): void => {
    ended ??= reason;
    for (const look of [...listeners]) look();
  };
  socket.on('close', (code, reason) => end(`closed with ${code} ${String(reason)}`));
  socket.on('error', ({ message }) => end(message));

  const from = await new Promise<number>((subscribed, refused) => {
    socket.on('open', () =>
      socket.send(
        JSON.stringify({
          action: 'subscribe',
          training_id: trainingId,
        }),
      ),
    );
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as LiveMessage;
      if (message.type === 'subscribed') return subscribed(message.seq);
      if (message.type === 'pong') return pongs.shift()?.();
      if (message.type === 'error') return end(String(data));
      events.push(message);
      for (const look of [...listeners]) look();
    });
    listeners.add(() => ended !== undefined && refused(new Error(ended)));
  });
  listeners.clear();

  return {
    from,
    events,
    until: (fits, timeoutMs, fromIndex = 0) =>
      new Promise((found, fail) => {
        const done = (): void => {
          listeners.delete(look);
          clearTimeout(timer);
        };
        const failed = (why: string): void => {
          done();
          const seen = events.slice(-10).map((event) => JSON.stringify(event).slice(0, 300));
          fail(new Error(`No such event came: ${why}. The newest:\n${seen.join('\n')}`));
        };
        const look = (): void => {
          const event = events.slice(fromIndex).find(fits);
          if (event !== undefined) {
            done();
            found(event);
          } else if (ended !== undefined) failed(ended);
        };
        const timer = setTimeout(() => failed(`not within ${timeoutMs} ms`), timeoutMs);
        listeners.add(look);
        look();
      }),
    caughtUp: () =>
      new Promise((caughtUp) => {
        pongs.push(() => caughtUp(events.length));
        socket.send(JSON.stringify({ action: 'ping' }));
      }),
    close: () => socket.close(),
  };
}
