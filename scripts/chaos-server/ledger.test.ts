import { expect, test } from 'vitest';
import type { RoundRecord } from '../../shared/wire/index.ts';
import { breaksOf, lossesOf, nothingYet } from './ledger.ts';

const record = (round: number, baseHash: string, hash: string) => ({ round, baseHash, hash }) as RoundRecord;
const chain = [record(1, 'a', 'b'), record(2, 'b', 'c'), record(3, 'c', 'd')];

test('what was acknowledged and is there is no loss; what is not is named', () => {
  const acknowledged = nothingYet();
  acknowledged.federations.add('f');
  acknowledged.trainings.add('t');
  acknowledged.rounds.add('2 c');
  const found = { federations: new Set(['f', 'other']), trainings: new Set(['t']), records: chain };
  expect(lossesOf(acknowledged, found)).toEqual([]);
  acknowledged.rounds.add('3 x');
  expect(lossesOf(acknowledged, { ...found, federations: new Set(), trainings: new Set() })).toEqual([
    'federation f is gone',
    'training t is gone',
    'round 3 x is gone',
  ]);
});

test('a gap, another base and a lost beginning break the chain; a superseded attempt does not', () => {
  expect(breaksOf(chain)).toEqual([]);
  expect(breaksOf([chain[0]!, record(2, 'b', 'z'), ...chain.slice(1)])).toEqual([]);
  expect(breaksOf([chain[0]!, chain[2]!])).toEqual(['round 2 is missing']);
  expect(breaksOf(chain.slice(1))).toEqual(['the history begins with round 2']);
  expect(breaksOf([chain[0]!, record(2, 'x', 'c'), chain[2]!])).toEqual([
    'round 2 does not start from the model of round 1',
  ]);
});
