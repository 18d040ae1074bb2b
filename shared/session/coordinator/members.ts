import type { ParticipantId } from '../../identity/index.ts';
import type { ModelRef } from '../../wire/index.ts';
import type { CoordinatorState } from './state.ts';

/** The newest model that a member holds and that was not found to be lost. */
export function newestModel(draft: CoordinatorState): ModelRef | undefined {
  let newest: ModelRef | undefined;
  for (const { model, here } of draft.members.values()) {
    if (
      here &&
      model !== null &&
      !draft.unavailable.has(model.hash) &&
      model.version > (newest?.version ?? -1)
    )
      newest = model;
  }
  return newest;
}

export function holdersOf(draft: CoordinatorState, model: ModelRef | undefined): ParticipantId[] {
  return [...draft.members]
    .filter(([, member]) => member.here && member.model?.hash === model?.hash)
    .map(([id]) => id);
}

export function withoutItem<T>(items: ReadonlySet<T>, item: T): Set<T> {
  const copy = new Set(items);
  copy.delete(item);
  return copy;
}
