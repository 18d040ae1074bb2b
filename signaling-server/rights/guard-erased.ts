import { MurmurationError } from '../../shared/errors/index.ts';
import { type ParticipantId, participantIdFromBytes } from '../../shared/identity/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';
import type { Repository } from '../storage/repository.ts';
import type { ErasedRegister } from './erased.ts';

const ID_BYTES = 16;

/** A name like that of a participant, that belongs to no key that anybody has. */
export function freshAlias(random: CryptoRandom): ParticipantId {
  return participantIdFromBytes(random.bytes(ID_BYTES));
}

/**
 * Keeps ids of whoever was erased from being written again: devices of others still know rounds that it took part in, and tell a server that
 * lacks them; a round may end while it is being erased. In records it stands under a name that means nobody, so that counts stay
 * right. SPEC V-10.
 */
export function guardErased(
  repository: Repository,
  erased: Pick<ErasedRegister, 'erasedOf' | 'isErased'>,
  random: CryptoRandom,
): Repository {
  return {
    ...repository,

    async saveRecord(run, record, fence) {
      const { survivors, dropped, coordinator } = record;
      const gone = await erased.erasedOf([...survivors, ...dropped, coordinator]);
      if (gone.size === 0) return repository.saveRecord(run, record, fence);
      const names = new Map([...gone].map((id) => [id, freshAlias(random)]));
      const nameOf = <T extends string>(id: T): T => (names.get(id) as T | undefined) ?? id;
      const renamed = {
        ...record,
        survivors: survivors.map(nameOf),
        dropped: dropped.map(nameOf),
        coordinator: nameOf(coordinator),
      };
      return repository.saveRecord(run, renamed, fence);
    },

    async noteReleases(federation, model, entries) {
      const gone = await erased.erasedOf([...entries.keys()]);
      // What it released counts for the federation all the same.
      const kept = new Map(
        [...entries].map(([id, entry]) => {
          if (!gone.has(id)) return [id, entry];
          const alias = freshAlias(random);
          return [alias, { ...entry, dataset: alias }];
        }),
      );
      return repository.noteReleases(federation, model, kept);
    },

    async noteAttempt(federation, run, attended) {
      const gone = await erased.erasedOf(attended.participants.map(({ participant }) => participant));
      const participants = attended.participants.filter(({ participant }) => !gone.has(participant));
      if (participants.length === 0) return [];
      return repository.noteAttempt(federation, run, { ...attended, participants });
    },

    async seeParticipant(id, publicKey) {
      if (!(await erased.isErased(id))) await repository.seeParticipant(id, publicKey);
    },

    async block(participant, reason) {
      if (!(await erased.isErased(participant))) return repository.block(participant, reason);
      throw new MurmurationError('http.not-found', 'This participant was deleted: it is kept out already.', {
        remedy: 'There is nothing left to block.',
      });
    },

    async quarantine(federation, participant, cause, durationMsOf) {
      if (!(await erased.isErased(participant)))
        return repository.quarantine(federation, participant, cause, durationMsOf);
      return { participant, state: 'blocked', federation: undefined, reason: '', sinceMs: 0, untilMs: null };
    },
  };
}
