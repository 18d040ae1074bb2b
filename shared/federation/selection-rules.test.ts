import { expect, test } from 'vitest';
import { parseFederation } from './document.ts';

function documentOf(cohort: object, overSelection: number): unknown {
  return {
    format: 'murmuration/federation',
    formatVersion: 1,
    id: 'f',
    name: 'f',
    data: { kind: 'records', features: 2, target: { name: 'y', type: 'value' } },
    model: { loss: 'meanSquaredError', layers: [{ type: 'dense', units: 1 }], seed: 's' },
    training: { batchSize: 10 },
    rounds: { maximum: 5 },
    paths: ['server'],
    cohort,
    strategy: { type: 'fedavg', selection: { overSelection } },
  };
}

test('F-25: where all must take part nobody can be gone on without, and the document is refused with the numbers', () => {
  expect(() => parseFederation(documentOf({ minParticipants: 10, groupSize: 10 }, 1.25))).toThrow(
    expect.objectContaining({
      code: 'federation.invalid',
      message: expect.stringContaining('Of 10 that are invited 8 would do, ⌈10 / 1.25⌉'),
      facts: expect.objectContaining({ path: 'strategy.selection.overSelection' }),
    }),
  );
});

test.each([
  [{ minParticipants: 8, groupSize: 10 }, 1.25],
  [{ minParticipants: 10, groupSize: 10 }, 1],
  [{ minParticipants: 10, groupSize: 10, maxParticipants: 40 }, 1.25],
])('F-25: %j with %d leaves somebody', (cohort, overSelection) => {
  expect(() => parseFederation(documentOf(cohort, overSelection))).not.toThrow();
});
