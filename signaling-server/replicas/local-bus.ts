import type { Bus } from './bus.ts';

export interface LocalBus {
  /** An end of the bus, as one replica has it. */
  connect(): Bus;
  /** Cuts every end off, as a broken network would, or mends it. */
  setUp(up: boolean): void;
}

type Listener = (bytes: Uint8Array<ArrayBuffer>) => void;

/** The bus within one process: for a server that is alone, and for several in one test. */
export function localBus(): LocalBus {
  const subscriptions = new Set<{ readonly channel: string; readonly listener: Listener }>();
  const watchers = new Set<{ readonly listener: (up: boolean) => void }>();
  let isUp = true;

  const connect = (): Bus => {
    const removals: (() => void)[] = [];
    const add = <T>(set: Set<T>, item: T): (() => void) => {
      set.add(item);
      const remove = (): void => void set.delete(item);
      removals.push(remove);
      return remove;
    };
    return {
      get up() {
        return isUp;
      },
      congested: false,
      onceDrained: (callback) => queueMicrotask(callback),
      publish(channel, bytes) {
        if (!isUp) return;
        const receivers = [...subscriptions].filter((each) => each.channel === channel);
        if (receivers.length === 0) return;
        const copy = Uint8Array.from(bytes); // the sender may go on with its buffer
        queueMicrotask(() => {
          for (const each of receivers) if (subscriptions.has(each)) each.listener(copy);
        });
      },
      subscribe: (channel, listener) => add(subscriptions, { channel, listener }),
      watch: (listener) => add(watchers, { listener }),
      async close() {
        for (const remove of removals) remove();
      },
    };
  };

  return {
    connect,
    setUp(up) {
      if (isUp === up) return;
      isUp = up;
      for (const { listener } of [...watchers]) listener(up);
    },
  };
}
