import { expect, test } from 'vitest';
import { createEvents, type ServerEvent } from '../events.ts';
import { silentLog } from '../testing/silent-log.ts';
import { localBus } from './local-bus.ts';
import { shareEvents } from './share-events.ts';

const started: ServerEvent = { type: 'participants', federation: 'digits', active: 3 };
const refused: ServerEvent = { type: 'refused', code: 'wire.malformed', federation: undefined };

test('X-06: what happens on one replica reaches the listeners of all, once', async () => {
  const bus = localBus();
  const replicas = [1, 2, 3].map(() => {
    const shared = shareEvents(createEvents(silentLog), bus.connect(), silentLog);
    const heard: ServerEvent[] = [];
    shared.subscribe((event) => heard.push(event));
    return { ...shared, heard };
  });
  const [a, b, c] = replicas as [(typeof replicas)[0], (typeof replicas)[0], (typeof replicas)[0]];
  a.emit(started);
  b.emit(refused);
  await Promise.resolve();
  expect(a.heard).toEqual([started, refused]);
  expect(b.heard.map(({ type }) => type).sort()).toEqual(['participants', 'refused']);
  expect(c.heard).toEqual([started, refused]);
  c.close();
  a.emit(started);
  await Promise.resolve();
  expect(b.heard).toHaveLength(3);
  expect(c.heard).toHaveLength(2);
});

test('what is no event is not passed on', async () => {
  const bus = localBus();
  const shared = shareEvents(createEvents(silentLog), bus.connect(), silentLog);
  const heard: ServerEvent[] = [];
  shared.subscribe((event) => heard.push(event));
  bus.connect().publish('events', Buffer.from('no JSON'));
  await Promise.resolve();
  expect(heard).toEqual([]);
});
