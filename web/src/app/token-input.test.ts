import { describe, expect, test } from 'vitest';
import type { TokensSchema } from '../../../shared/federation/index.ts';
import { answerLabels, encodeTokens } from './token-input.ts';

const next: TokensSchema = { kind: 'tokens', length: 3, vocabulary: 256, target: { type: 'next' } };
const labelled: TokensSchema = {
  kind: 'tokens',
  length: 3,
  vocabulary: 9,
  target: { type: 'class', name: 'mood', labels: ['sad', 'glad'] },
};

describe('encodeTokens', () => {
  test.each([
    ['as they are', [1, 2, 3], [1, 2, 3], 2],
    ['the end of more', [9, 1, 2, 3], [1, 2, 3], 2],
    ['fewer with zeros after', [7], [7, 0, 0], 0],
  ])('asked for the next token takes %s', (_, tokens, inputs, position) => {
    expect(encodeTokens(next, tokens)).toEqual({ inputs: Float32Array.from(inputs), position });
  });

  test.each([
    ['no token', next, [], 'data.wrong-shape'],
    ['too few for a label', labelled, [1, 2], 'data.wrong-shape'],
    ['an id beyond the vocabulary', labelled, [1, 2, 9], 'data.invalid-value'],
    ['half an id', next, [0.5], 'data.invalid-value'],
    ['what is not a number', next, [Number.NaN], 'data.invalid-value'],
  ])('refuses %s', (_, schema, tokens, code) => {
    expect(() => encodeTokens(schema, tokens)).toThrow(expect.objectContaining({ code }));
  });
});

test('answers are labels, ids, or what bytes stand for', () => {
  expect(answerLabels(labelled)).toEqual(['sad', 'glad']);
  expect(answerLabels({ ...labelled, target: { type: 'next' } })).toHaveLength(9);
  const bytes = answerLabels(next);
  expect([bytes[0x41], bytes[0x20], bytes[0x0a], bytes[0xe9]]).toEqual(['A', 'space', 'new line', 'byte e9']);
  expect(answerLabels({ ...labelled, target: { type: 'value', name: 'y', mean: 0, scale: 1 } })).toEqual([]);
});
