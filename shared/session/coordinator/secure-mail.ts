import { type NodeId, type ParticipantId, SERVER } from '../../identity/index.ts';
import type { Message, MessageOf } from '../../wire/index.ts';
import { neighboursOf, type SecureRoundState, type SecureStage } from './secure-stage.ts';
import { remaining } from './state.ts';

/** A message and whom it is for. */
export interface Mail {
  readonly to: NodeId;
  readonly message: Message;
}

type StageOf<N extends SecureStage['name']> = Extract<SecureStage, { name: N }>;

/** U1 to all of it: each sees its own keys and its neighbours'; the server, where it may own, all. SPEC C-41. */
export function rosterMail(run: string, round: SecureRoundState, { adverts }: StageOf<'keys'>): Mail[] {
  const all = remaining(round).map((id) => adverts.get(id)!);
  const mail = (to: NodeId, seen: typeof all): Mail => ({
    to,
    message: { type: 'roster', run, attempt: round.attempt, adverts: seen },
  });
  return [
    ...remaining(round).map((to) => mail(to, amongNeighbours(round, to, all))),
    ...(round.secure.serverMayOwn ? [mail(SERVER, all)] : []),
  ];
}

/** U2 to all of it, with the boxes for each; commitments to whoever may come to own a slice. SPEC C-42. */
export function inboxMail(run: string, round: SecureRoundState, { bundles }: StageOf<'shares'>): Mail[] {
  const dealers = remaining(round);
  const shares = dealers.map((id) => bundles.get(id)!.shares);
  const boxesOf = new Map(dealers.map((to) => [to, [] as MessageOf<'inbox'>['boxes']]));
  for (const dealer of dealers)
    for (const { to, box } of bundles.get(dealer)!.boxes) boxesOf.get(to)?.push({ dealer, box });
  const mail = (to: NodeId, inbox: Pick<MessageOf<'inbox'>, 'boxes' | 'shares'>): Mail => ({
    to,
    message: { type: 'inbox', run, attempt: round.attempt, dealers, ...inbox },
  });
  const { complete, serverMayOwn } = round.secure;
  return [
    ...dealers.map((to) => mail(to, { boxes: boxesOf.get(to)!, shares: complete ? shares : [] })),
    ...(serverMayOwn ? [mail(SERVER, { boxes: [], shares })] : []),
  ];
}

/** The confirmations that came, to the survivors that remain: each sees its own and its neighbours'. SPEC C-44. */
export function confirmedMail(
  run: string,
  round: SecureRoundState,
  { confirmations }: StageOf<'confirming'>,
): Mail[] {
  const survivors = round.plan.survivors ?? [];
  const all = survivors.flatMap((id) => confirmations.get(id) ?? []);
  return survivors
    .filter((id) => !round.dropped.has(id))
    .map((to) => ({
      to,
      message: {
        type: 'confirmed',
        run,
        attempt: round.attempt,
        confirmations: amongNeighbours(round, to, all),
      },
    }));
}

function amongNeighbours<T extends { readonly participant: ParticipantId }>(
  round: SecureRoundState,
  id: ParticipantId,
  items: T[],
): T[] {
  if (round.secure.complete) return items;
  const seen = new Set([id, ...neighboursOf(round, id)]);
  return items.filter(({ participant }) => seen.has(participant));
}
