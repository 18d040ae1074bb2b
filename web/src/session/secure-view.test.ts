import { expect, it } from 'vitest';
import { SERVER } from '../../../shared/identity/index.ts';
import { createWorld } from '../../../shared/testing/session-world.ts';
import { type SecureStage, type SecureView, secureViewOf } from './secure-view.ts';

const ORDER: readonly SecureStage[] = [
  'keys',
  'shares',
  'waiting',
  'ready',
  'masking',
  'sending',
  'confirming',
  'revealing',
  'checking',
];
const flush = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What a participant of a simulated federation of four sees of its first round, view by view. */
async function viewsOfOneRound(secure: boolean): Promise<SecureView[]> {
  const world = createWorld({ seed: 'views', participants: 4, rounds: 1, minParticipants: 4, secure, flush });
  world.start(SERVER);
  for (const id of world.ids) world.start(id);
  const views: SecureView[] = [];
  const look = () => {
    const view = secureViewOf(world.nodes.get(world.ids[0]!)!.state);
    if (view !== undefined) views.push(view);
    return world.records.length > 0;
  };
  expect(await world.run(look, 120_000)).toBe(true);
  return views;
}

it('goes through the stages of a secure round in their order', async () => {
  const views = await viewsOfOneRound(true);
  const places = views.map(({ stage }) => ORDER.indexOf(stage));
  expect(places).toEqual([...places].sort((a, b) => a - b));
  const seen = new Set(views.map(({ stage }) => stage));
  for (const stage of ['keys', 'shares', 'sending', 'confirming', 'revealing'] as const)
    expect(seen, stage).toContain(stage);
});

it('counts keys, shares, survivors and confirmations; two thirds of four, rounded up, are three', async () => {
  const views = await viewsOfOneRound(true);
  for (const { members, threshold, round } of views)
    expect({ members, threshold, round }).toEqual({ members: 4, threshold: 3, round: 1 });
  expect(views[0]).toMatchObject({
    stage: 'keys',
    keys: 0,
    shares: 0,
    survivors: undefined,
    confirmations: 0,
  });
  expect(views.at(-1)).toMatchObject({ keys: 4, shares: 4, survivors: 4, confirmations: 4 });
});

it('sees nothing secure in a plain federation', async () => {
  expect(await viewsOfOneRound(false)).toEqual([]);
});
