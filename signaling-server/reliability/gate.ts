import { MurmurationError } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { EVERYWHERE, type ReliabilityRepository, type Standing } from '../storage/reliability-repository.ts';

/** Who may not take part, and telling those parts of the server that act on it. */
export interface Gate {
  /** What keeps this participant out of the federation. */
  standingOf(federation: string, participant: ParticipantId): Promise<Standing | undefined>;
  /** What keeps it out of every federation. */
  blockOf(participant: ParticipantId): Promise<Standing | undefined>;
  /** In every federation, until it is lifted. */
  block(participant: ParticipantId, reason: string): Promise<Standing>;
  /** @returns false where it was not blocked. */
  unblock(participant: ParticipantId): Promise<boolean>;
  /** Ends its quarantines. @returns false where there were none. */
  release(participant: ParticipantId): Promise<boolean>;
  /** Hears of everyone whose standing an operator changed. */
  subscribe(listener: (participant: ParticipantId) => void): () => void;
}

export function createGate(repository: Pick<ReliabilityRepository, 'standingOf' | 'block' | 'clear'>): Gate {
  const listeners = new Set<(participant: ParticipantId) => void>();
  const tell = (participant: ParticipantId): void => {
    for (const listener of [...listeners]) listener(participant);
  };
  const clear = async (participant: ParticipantId, state: Standing['state']): Promise<boolean> => {
    const cleared = await repository.clear(participant, state);
    tell(participant);
    return cleared.length > 0;
  };
  return {
    standingOf: repository.standingOf,
    blockOf: (participant) => repository.standingOf(EVERYWHERE, participant),
    async block(participant, reason) {
      const standing = await repository.block(participant, reason);
      tell(participant);
      return standing;
    },
    unblock: (participant) => clear(participant, 'blocked'),
    release: (participant) => clear(participant, 'quarantined'),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

const CAUSES: Readonly<Record<string, string>> = {
  unreliable: 'Too many of its rounds came to nothing.',
  anomalous: 'The groups that it was in stood out from the others, again and again.',
};

/** What the participant is told. */
export function refusalOf({ state, reason, untilMs }: Standing): MurmurationError {
  if (state === 'blocked')
    return new MurmurationError(
      'participant.blocked',
      'The operator of this server blocked this participant.',
      {
        ...(reason === '' ? {} : { received: `the reason: ${reason}` }),
        remedy: 'Ask the operator of the server.',
      },
    );
  return new MurmurationError('participant.quarantined', 'This participant is not invited for a while.', {
    received: CAUSES[reason] ?? reason,
    remedy: `It is invited again after ${new Date(untilMs ?? 0).toISOString()}, without doing anything.`,
  });
}
