import { expect, it } from 'vitest';
import { type NodeId, SERVER } from '../../../shared/identity/index.ts';
import type { NodeState } from '../../../shared/session/index.ts';
import type { MessageOf } from '../../../shared/wire/index.ts';
import { Refusals } from './refusals.ts';

const under = { term: 1, round: 4, attempt: 2 };
/** Of a node, as far as a refusal depends on it. */
const stateOf = (coordinator: NodeId, ownStatus?: 'round' | 'gathering') =>
  ({
    participant: { coordinator, attempt: { attempt: under } },
    coordinator: ownStatus && { status: { name: ownStatus } },
  }) as unknown as NodeState;
const abandon = (attempt = under): MessageOf<'abandon'> => ({
  type: 'abandon',
  run: 'run',
  attempt,
  code: 'secagg.below-threshold',
  reason: 'Too few.',
});

it('takes the word of the coordinator about the round under way, and of nobody else', () => {
  const refusals = new Refusals();
  refusals.takeAbandon(stateOf(SERVER), 'B'.repeat(22) as NodeId, abandon());
  refusals.takeAbandon(stateOf(SERVER), SERVER, abandon({ ...under, attempt: 1 }));
  refusals.takeAbandon(undefined, SERVER, abandon());
  expect(refusals.latest).toBeUndefined();
  refusals.takeAbandon(stateOf(SERVER), SERVER, abandon());
  expect(refusals.latest).toEqual({ round: 4, code: 'secagg.below-threshold' });
});

it('hears of it by a notice where this device coordinates, once the round is over', () => {
  const refusals = new Refusals();
  const self = 'A'.repeat(22) as NodeId;
  const error = { code: 'round.owner-lost', message: 'Nobody is left.' } as const;
  refusals.takeNotice(stateOf(self, 'round'), error);
  refusals.takeNotice(stateOf(SERVER), error);
  expect(refusals.latest).toBeUndefined();
  refusals.takeNotice(stateOf(self, 'gathering'), error);
  expect(refusals.latest).toEqual({ round: 4, code: 'round.owner-lost' });
});

it('forgets it when that round or a later one is committed, not when history comes in', () => {
  const refusals = new Refusals();
  refusals.takeAbandon(stateOf(SERVER), SERVER, abandon());
  refusals.takeRecord({ round: 3 });
  expect(refusals.latest?.round).toBe(4);
  refusals.takeRecord({ round: 4 });
  expect(refusals.latest).toBeUndefined();
});
