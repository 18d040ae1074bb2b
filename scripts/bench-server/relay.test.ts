import { expect, test } from 'vitest';
import type { Crowd, Member } from './crowd.ts';
import { loadRelay, percentilesOf } from './relay.ts';

test('percentiles are nearest ranks', () => {
  const values = Float64Array.from({ length: 1000 }, (_, i) => 1000 - i); // 1 to 1000
  expect(percentilesOf(values)).toEqual({ p50: 500, p99: 990, p999: 999, max: 1000 });
});

/** Four who hear of what is sent to them at once, but for what is dropped. */
function crowdThat(drops: (index: number) => boolean): { readonly crowd: Crowd; readonly frames: Buffer[] } {
  const frames: Buffer[] = [];
  const crowd = { onRelay: () => undefined } as unknown as Crowd;
  const members = Array.from({ length: 4 }, (_, from) => ({
    idBytes: new Uint8Array(16).fill(from),
    socket: {
      send(frame: Buffer) {
        const index = frames.push(frame) - 1;
        if (!drops(index)) crowd.onRelay(members[frame[1]!]!, frame);
      },
    },
  })) as unknown as Member[];
  return { crowd: Object.assign(crowd, { members }), frames };
}

const load = { perSecond: 1000, seconds: 0.2, warmUpSeconds: 0.05, silentMs: 50 };

test('sends to neighbours, at the rate, of all sizes from 256 bytes to a kilobyte', async () => {
  const { crowd, frames } = crowdThat(() => false);
  const { sent, lost } = await loadRelay(crowd, load, () => 0, 0);
  expect([sent, lost, frames.length]).toEqual([200, 0, 250]);
  expect(frames.slice(0, 4).map((frame) => frame[1])).toEqual([1, 0, 3, 2]);
  const sizes = frames.map(({ length }) => length - 17);
  expect([Math.min(...sizes), Math.max(...sizes)]).toEqual([256, 1024]);
});

test('counts what does not come, and nothing of the warm-up', async () => {
  const { crowd } = crowdThat((index) => index % 10 === 0); // 20 of the 200, and 5 of the warm-up
  expect(await loadRelay(crowd, load, () => 0, 0)).toMatchObject({ sent: 200, lost: 20 });
});

test('processor time is what a message takes beside what the server takes at rest', async () => {
  const { crowd } = crowdThat(() => false);
  let askedMs = 0;
  const result = await loadRelay(crowd, load, () => (askedMs += 50), 0);
  expect(result.processorUs).toBe(250); // 50 ms for 200 messages
});
