import { expect, test } from 'vitest';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { createEmitter } from '../../shared/transport/emitter.ts';
import type { HubServerEvent } from '../hub/index.ts';
import { createTraffic } from './traffic.ts';

test('who is connected here, once each; not those of another replica', () => {
  const hub = createEmitter<HubServerEvent>(() => undefined);
  const traffic = createTraffic();
  const stop = traffic.watch(hub);
  const presence = (letter: string) => ({ peer: letter.repeat(22) as ParticipantId, incarnation: 1 });
  const arrive = (letter: string, changes: { readonly remote?: true } = {}) =>
    hub.emit({ type: 'arrived', federation: 'f', presence: presence(letter), ...changes });
  arrive('A');
  arrive('A');
  arrive('B');
  arrive('C', { remote: true });
  expect(traffic.connections()).toBe(2);
  arrive('B', { remote: true });
  hub.emit({ type: 'departed', federation: 'f', presence: presence('C'), reason: 'lost' });
  expect(traffic.connections()).toBe(1);
  stop();
  arrive('D');
  expect(traffic.connections()).toBe(1);
});

test('bytes add up by path', () => {
  const traffic = createTraffic();
  traffic.onCarried('relay', 10);
  traffic.onCarried('relay', 5);
  traffic.onCarried('server', 7);
  expect(traffic.bytes()).toEqual({ relay: 15, server: 7 });
});
