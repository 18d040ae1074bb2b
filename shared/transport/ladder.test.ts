import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createLadder, LADDER_LIMITS, type PeerPath } from './ladder.ts';

/** A ladder that writes down, in seconds, what it tries and when. */
function ladder({ initiator = true, paths = ['direct', 'relay'] as PeerPath[] } = {}) {
  const clock = createVirtualClock();
  const startMs = clock.nowMs();
  const log: string[] = [];
  const note = (text: string) => log.push(`${(clock.nowMs() - startMs) / 1000} ${text}`);
  const climbed = createLadder({
    initiator,
    paths: new Set(paths),
    clock,
    limits: LADDER_LIMITS,
    takePlace(start) {
      start();
      return () => undefined;
    },
    attempt: (path) => note(path),
    abandon: (path) => note(`no ${path}`),
    ask: () => note('ask'),
    onLost: () => note('lost'),
  });
  const pass = (seconds: number) => {
    const untilMs = clock.nowMs() + seconds * 1000;
    clock.after(seconds * 1000, () => undefined);
    while (clock.step(untilMs));
  };
  return { ladder: climbed, log, pass };
}

test('T-06: direct has its first seconds to itself, then the relay is tried', () => {
  const world = ladder();
  world.ladder.reachable();
  expect(world.log).toEqual(['0 direct']);
  world.pass(8);
  expect(world.log.slice(1)).toEqual(['8 no direct', '8 relay']);
});

test('T-06: over the relay, direct is tried again after 5, 15 and then every 60 seconds', () => {
  const world = ladder();
  world.ladder.reachable();
  world.ladder.failed('direct');
  world.ladder.ready('relay');
  for (const wait of [5, 15, 60, 60]) {
    world.pass(wait);
    world.ladder.failed('direct');
  }
  expect(world.log.filter((line) => line.endsWith(' direct'))).toEqual([
    '0 direct',
    '5 direct',
    '20 direct',
    '80 direct',
    '140 direct',
  ]);
});

test('T-06: when the direct pipe dies, both ways are tried at once', () => {
  const world = ladder();
  world.ladder.reachable();
  world.ladder.ready('direct');
  world.pass(10);
  world.ladder.closed('direct');
  expect(world.log.slice(1)).toEqual(['10 direct', '10 relay']);
});

test.each([['relay'], ['direct']] as const)(
  'T-06: where only %s is allowed, nothing else is tried',
  (only) => {
    const world = ladder({ paths: [only] });
    world.ladder.reachable();
    world.ladder.failed(only);
    world.pass(100);
    expect(world.log.filter((line) => !line.endsWith(only))).toEqual([]);
  },
);

test('T-06: the greater id offers nothing; it asks', () => {
  const world = ladder({ initiator: false });
  world.ladder.reachable();
  world.pass(11);
  expect(world.log).toEqual(['11 ask']);
});

test('T-07: without any path for ten seconds the peer is lost, once', () => {
  const world = ladder();
  world.ladder.reachable();
  world.ladder.ready('direct');
  world.ladder.closed('direct');
  world.pass(60);
  expect(world.log.filter((line) => line.endsWith('lost'))).toEqual(['10 lost']);
});
