import { expect, test } from 'vitest';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';
import type { Repository } from '../storage/repository.ts';
import { guardErased } from './guard-erased.ts';

const [ALICE, BOB] = ['A', 'B'].map((letter) => letter.repeat(22) as ParticipantId) as [
  ParticipantId,
  ParticipantId,
];

test('J-10: a record goes on under the term of its coordinator, whoever of it was erased', async () => {
  const saved: unknown[][] = [];
  const repository = { saveRecord: async (...call: unknown[]) => void saved.push(call) };
  const erased = {
    erasedOf: async (ids: readonly string[]) => new Set(ids.filter((id) => id === ALICE)),
    isErased: async (id: string) => id === ALICE,
  };
  const guarded = guardErased(repository as unknown as Repository, erased, webCryptoRandom(crypto));
  const record = { round: 1, survivors: [BOB], dropped: [], coordinator: 'server' } as unknown as RoundRecord;
  await guarded.saveRecord('run', record, { term: 7 });
  await guarded.saveRecord('run', { ...record, survivors: [ALICE, BOB] }, { term: 8 });
  expect(saved.map(([, , fence]) => fence)).toEqual([{ term: 7 }, { term: 8 }]);
  expect(saved[1]![1]).toMatchObject({ survivors: [expect.not.stringMatching(ALICE), BOB] });
});
