import { randomBytes } from 'node:crypto';
import type { ServerEvent, ServerEvents } from '../events.ts';
import type { Log } from '../hub/log.ts';
import type { Bus } from './bus.ts';

const CHANNEL = 'events';

/**
 * What happens on any replica reaches the listeners of every replica: subscriptions and metrics see every run, wherever
 * it is led. At most once: whoever was cut off asks for the state, as after a reconnection. SPEC X-06.
 * @param local of this process.
 */
export function shareEvents(
  local: ServerEvents,
  bus: Bus,
  log: Pick<Log, 'warn'>,
): ServerEvents & { close(): void } {
  const replica = randomBytes(8).toString('hex');
  const end = bus.subscribe(CHANNEL, (bytes) => {
    try {
      const { from, event } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
        from: string;
        event: ServerEvent;
      };
      if (from !== replica) local.emit(event);
    } catch (thrown) {
      log.warn({ err: thrown }, 'an event of another replica cannot be read');
    }
  });
  return {
    emit(event) {
      local.emit(event);
      bus.publish(CHANNEL, Buffer.from(JSON.stringify({ from: replica, event })));
    },
    subscribe: local.subscribe,
    close: end,
  };
}
