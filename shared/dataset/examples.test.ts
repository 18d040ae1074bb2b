import { expect, test } from 'vitest';
import type { TokensSchema } from '../federation/index.ts';
import {
  classCount,
  inputShape,
  inputSize,
  sliceExamples,
  targetLabels,
  targetsPerExample,
} from './examples.ts';

const next: TokensSchema = { kind: 'tokens', length: 2, vocabulary: 9, target: { type: 'next' } };

test('next tokens are targets of as many classes as there are tokens, without labels', () => {
  expect([inputShape(next), inputSize(next), targetsPerExample(next), classCount(next)]).toEqual([
    [2],
    2,
    2,
    9,
  ]);
  expect(targetLabels(next)).toBeUndefined();
  const labelled: TokensSchema = { ...next, target: { type: 'class', name: 'y', labels: ['a', 'b'] } };
  expect([targetsPerExample(labelled), classCount(labelled)]).toEqual([1, 2]);
});

test('a slice of examples has their inputs and all their targets', () => {
  const examples = {
    count: 3,
    inputs: Uint8Array.of(0, 1, 2, 3, 4, 5),
    targets: Uint16Array.of(1, 2, 3, 4, 5, 6),
  };
  expect(sliceExamples(examples, 1, 3)).toEqual({
    count: 2,
    inputs: Uint8Array.of(2, 3, 4, 5),
    targets: Uint16Array.of(3, 4, 5, 6),
  });
  const none = { count: 0, inputs: new Uint8Array(0), targets: new Uint16Array(0) };
  expect(sliceExamples(none, 0, 0)).toEqual(none);
});
