import { describe, expect, test } from 'vitest';
import type { TokensSchema } from '../federation/index.ts';
import type { DataProblem } from './problems.ts';
import { byteWindowEncoder, tokenEncoder } from './token-encoder.ts';

const labelled: TokensSchema = {
  kind: 'tokens',
  length: 3,
  vocabulary: 10,
  target: { type: 'class', name: 'mood', labels: ['sad', 'glad'] },
};
const next: TokensSchema = { ...labelled, target: { type: 'next' } };

function encode(schema: TokensSchema, text: string) {
  const problems: DataProblem[] = [];
  const into = new Float32Array(3);
  const target = tokenEncoder(schema).encode({ text, row: 4, line: 5 }, into, (problem) => {
    problems.push(problem);
  });
  return { target, inputs: [...into], problems };
}

test('a labelled sequence', () => {
  expect(encode(labelled, '{"tokens":[7,0,9],"label":"glad"}')).toEqual({
    target: 1,
    inputs: [7, 0, 9],
    problems: [],
  });
  expect(encode(labelled, '{"tokens":[7,0,9],"target":"sad"}').target).toBe(0);
});

test('a value, standardized', () => {
  const target = { type: 'value', name: 'score', mean: 2, scale: 4 } as const;
  expect(encode({ ...labelled, target }, '{"tokens":[7,0,9],"target":10}').target).toBe(2);
});

test('each token is the target of the one before', () => {
  expect(encode(next, '{"tokens":[1,2,3,4]}')).toEqual({
    target: Float32Array.of(2, 3, 4),
    inputs: [1, 2, 3],
    problems: [],
  });
});

describe('is refused and named:', () => {
  test.each<[string, TokensSchema, string, string, string]>([
    ['no JSON', next, '{"tokens":[1', 'data.unreadable', 'row 4'],
    ['no tokens', next, '{}', 'data.wrong-shape', 'row 4, column "tokens"'],
    ['one token too few', next, '{"tokens":[1,2,3]}', 'data.wrong-shape', 'row 4, column "tokens"'],
    [
      'an id that the vocabulary ends before',
      next,
      '{"tokens":[1,2,3,10]}',
      'data.invalid-value',
      'row 4, column "tokens[3]"',
    ],
    ['a negative id', next, '{"tokens":[-1,2,3,4]}', 'data.invalid-value', 'row 4, column "tokens[0]"'],
    ['half an id', next, '{"tokens":[1,2.5,3,4]}', 'data.invalid-value', 'row 4, column "tokens[1]"'],
    ['an id as text', next, '{"tokens":[1,"2",3,4]}', 'data.invalid-value', 'row 4, column "tokens[1]"'],
    [
      'an unknown label',
      labelled,
      '{"tokens":[1,2,3],"label":"mad"}',
      'data.unknown-label',
      'row 4, column "label"',
    ],
    ['no label', labelled, '{"tokens":[1,2,3]}', 'data.invalid-value', 'row 4, column "label"'],
  ])('%s', (_, schema, text, code, path) => {
    const { target, problems } = encode(schema, text);
    expect(target).toBeUndefined();
    expect(problems).toEqual([expect.objectContaining({ code, path, row: 4, line: 5 })]);
  });
});

test('a window of bytes', () => {
  const into = new Float32Array(3);
  const bytes = Uint8Array.of(65, 66, 67, 68);
  expect(byteWindowEncoder({ ...next, vocabulary: 256 }).encode(bytes, into, () => undefined)).toEqual(
    Uint8Array.of(66, 67, 68),
  );
  expect([...into]).toEqual([65, 66, 67]);
});
