import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { SecureRoundState } from './secure-stage.ts';
import { remaining } from './state.ts';

/**
 * Who may add a slice up after its present owner, once the survivors of a secure round are fixed. They never change, so
 * that the next owner must come by the part of every one of them: all survivors send theirs again, and one that is gone
 * can be done without only where its deputy holds the part that it would have kept to itself.
 * docs/decisions/0017, Losing an owner. SPEC C-45, C-46.
 */
export function heirOf(round: SecureRoundState, slice: number): NodeId | undefined {
  const { plan, secure, dropped } = round;
  const { stage } = secure;
  if ((stage.name !== 'confirming' && stage.name !== 'revealing') || plan.survivors === null)
    return undefined;
  const old = plan.owners[slice]!;
  const disputed = stage.name === 'revealing' ? stage.disputed.get(slice) : undefined;
  const mayOwn = (id: NodeId): boolean => id !== old && id !== disputed;
  const gone = plan.survivors.filter((id) => dropped.has(id));
  const first = stage.firstOwners[slice]!;
  const deputy = first === plan.cohort[slice] ? deputyOf(plan.cohort, slice) : undefined;
  // Where the server owned the one slice there is, participants have no way to send it to each other.
  const others = plan.owners.length > 1 ? remaining(round).filter(mayOwn) : [];
  if (gone.length > 0)
    return gone.length === 1 && gone[0] === first ? others.find((id) => id === deputy) : undefined;
  // Whoever did not confirm in time is not likely to add up, nor to send its slice again.
  const isSilent = (id: NodeId): boolean =>
    stage.name === 'revealing' && id !== SERVER && !stage.confirmed.has(id);
  const lively = others.filter((id) => !isSilent(id));
  const deputies: NodeId[] = lively.filter((id) => id === deputy);
  const server: NodeId[] = secure.serverMayOwn && mayOwn(SERVER) ? [SERVER] : [];
  const preferred = isSilent(old) ? [...deputies, ...server] : [...server, ...deputies];
  return preferred[0] ?? lively[(slice + (round.reassigned.get(slice) ?? 0)) % Math.max(1, lively.length)];
}

/** Whom cohort[slice] sends the slice that it owns itself: the next in the cohort, after the last the first. */
export function deputyOf(cohort: readonly ParticipantId[], slice: number): ParticipantId {
  return cohort[(slice + 1) % cohort.length]!;
}
