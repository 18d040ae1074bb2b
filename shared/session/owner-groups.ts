import type { NodeId } from '../identity/index.ts';
import { SERVER } from '../identity/index.ts';
import type { AttemptId } from '../wire/index.ts';
import { compareAttempts, type Effect, type SessionEvent, type Step } from './effects.ts';
import { initialOwner, type OwnerContext, type OwnerState, stepOwner, sumTag } from './owner.ts';

/**
 * One owner per group. A participant is in one group and has one owner; the server may own slices of every group of a
 * round, which know nothing of each other. SPEC G-14.
 */
export type OwnersState = ReadonlyMap<number, OwnerState>;

export const initialOwners: OwnersState = new Map([[0, initialOwner]]);

export function stepOwners(
  owners: OwnersState,
  event: SessionEvent,
  context: OwnerContext,
): Step<OwnersState> {
  const effects: Effect[] = [];
  const next = new Map(owners);
  for (const group of groupsOf(owners, event, context.self)) {
    const step = stepOwner(next.get(group) ?? initialOwner, event, context);
    next.set(group, step.state);
    effects.push(...step.effects);
  }
  for (const [group, current] of endedGroups(next)) {
    if (current !== undefined) effects.push({ type: 'cancel-sends', tag: sumTag(current) });
    next.delete(group);
  }
  return { state: next, effects };
}

/** Those that this event is for: every one of them, where it is for none in particular. */
function groupsOf(owners: OwnersState, event: SessionEvent, self: NodeId): Iterable<number> {
  if (self !== SERVER) return [0];
  if (event.type === 'unmasked' || event.type === 'unmask-failed') return [event.group];
  // Whole updates are seen, and sums noised, where one group is all there is. SPEC F-11, F-19
  if (event.type === 'aggregated') return [0];
  if (event.type === 'count-in') return [groupOf(owners, event.attempt, event.participant)];
  if (event.type !== 'message') return [];
  const { message } = event;
  switch (message.type) {
    case 'invite':
    case 'plan':
      return [message.plan.group?.index ?? 0];
    case 'abandon':
      return message.group === undefined ? owners.keys() : [message.group];
    case 'slice':
    case 'reveal':
      return [groupOf(owners, message.attempt, event.from)];
    case 'roster':
      return [groupOf(owners, message.attempt, message.adverts[0]?.participant)];
    case 'inbox':
      return [groupOf(owners, message.attempt, message.dealers[0])];
    default:
      return [];
  }
}

/** The group that this node takes part in; the first where there is none, whose owner refuses it by name. */
function groupOf(owners: OwnersState, attempt: AttemptId, id: NodeId | undefined): number {
  for (const [group, { current }] of owners) {
    if (current === undefined || compareAttempts(current.attempt, attempt) !== 0) continue;
    if (current.plan.cohort.some((member) => member === id)) return group;
  }
  return 0;
}

/** A later attempt ends an earlier one in every group, also where it has fewer of them. The first group always stays. */
function endedGroups(owners: OwnersState): [number, OwnerState['current']][] {
  const others = [...owners].filter(([group]) => group > 0);
  const newest = [...owners.values()].reduce<AttemptId | undefined>(
    (last, { current }) =>
      current !== undefined && (last === undefined || compareAttempts(current.attempt, last) > 0)
        ? current.attempt
        : last,
    undefined,
  );
  return others
    .filter(([, { current }]) => current === undefined || compareAttempts(current.attempt, newest!) < 0)
    .map(([group, { current }]) => [group, current]);
}
