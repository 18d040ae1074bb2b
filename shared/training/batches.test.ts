import { beforeEach, describe, expect, it } from 'vitest';
import type { FederationInput } from '../federation/index.ts';
import { checkExamples, checkInputs, inputBatch, targetBatch } from './batches.ts';
import { compileModel } from './model/compile.ts';
import { federationWith, useBackend } from './testing.ts';

const tokens: FederationInput['data'] = {
  kind: 'tokens',
  length: 3,
  vocabulary: 5,
  target: { type: 'next' },
};
const compiled = compileModel(
  federationWith(
    [
      { type: 'embedding', vocabulary: 5, units: 2, name: 'table' },
      { type: 'unembedding', of: 'table' },
    ],
    tokens,
  ),
);
const inputs = Uint8Array.of(0, 1, 2, 3, 4, 0);
const targets = Uint16Array.of(1, 2, 3, 4, 0, 1);

describe('batches of tokens', () => {
  beforeEach(() => useBackend('cpu'));

  it.each([
    ['bytes', inputs],
    ['floats', Float32Array.from(inputs)],
  ])('are int32 ids, from %s', (_, source) => {
    const batch = inputBatch(compiled, source, [1, 0]);
    expect(batch).toMatchObject({ dtype: 'int32', shape: [2, 3] });
    expect([...batch.dataSync()]).toEqual([3, 4, 0, 0, 1, 2]);
    batch.dispose();
  });

  it('come with the targets of each position', () => {
    const batch = targetBatch(compiled, targets, [1, 0]);
    expect(batch).toMatchObject({ dtype: 'int32', shape: [6] });
    expect([...batch.dataSync()]).toEqual([4, 0, 1, 1, 2, 3]);
    batch.dispose();
  });

  it.each([
    ['beyond the vocabulary', 5],
    ['below zero', -1],
    ['between two ids', 0.5],
    ['that is no number', Number.NaN],
  ])('refuse an id %s', (_, id) => {
    const wrong = Float32Array.from(inputs).with(4, id);
    expect(() => checkInputs(compiled, wrong, 2)).toThrow(
      expect.objectContaining({
        code: 'data.invalid-value',
        facts: expect.objectContaining({ path: 'example 1, number 1', expected: 'an integer from 0 to 4' }),
      }),
    );
  });

  it('refuse bytes beyond the vocabulary', () => {
    expect(() => checkInputs(compiled, inputs.with(0, 5), 2)).toThrow(
      expect.objectContaining({ code: 'data.invalid-value' }),
    );
  });

  it('refuse a target beyond the vocabulary, and too few of them', () => {
    expect(() => checkExamples(compiled, { count: 2, inputs, targets })).not.toThrow();
    expect(() => checkExamples(compiled, { count: 2, inputs, targets: targets.with(5, 5) })).toThrow(
      expect.objectContaining({
        code: 'data.unknown-label',
        facts: expect.objectContaining({ path: 'example 1, target 2' }),
      }),
    );
    expect(() => checkExamples(compiled, { count: 2, inputs, targets: targets.subarray(0, 2) })).toThrow(
      expect.objectContaining({
        code: 'data.wrong-shape',
        facts: expect.objectContaining({ expected: '6 targets', received: '2' }),
      }),
    );
  });
});

it('one logit for two labels takes both labels', () => {
  const federation = federationWith([{ type: 'dense', units: 1 }], {
    kind: 'records',
    features: 1,
    target: { type: 'class', name: 'y', labels: ['no', 'yes'] },
  });
  const { model } = federation;
  const logit = compileModel({ ...federation, model: { ...model, loss: 'sigmoidCrossEntropy' } });
  const examples = (label: number) => ({
    count: 1,
    inputs: Float32Array.of(0),
    targets: Uint16Array.of(label),
  });
  expect(() => checkExamples(logit, examples(1))).not.toThrow();
  expect(() => checkExamples(logit, examples(2))).toThrow(
    expect.objectContaining({
      code: 'data.unknown-label',
      facts: expect.objectContaining({ expected: 'a class index from 0 to 1' }),
    }),
  );
});
