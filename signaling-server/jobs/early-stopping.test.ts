import { expect, test } from 'vitest';
import { isStalled } from './early-stopping.ts';

const accuracy = { metric: 'accuracy', patience: 2, minDelta: 0.1 } as const;
const loss = { ...accuracy, metric: 'loss' } as const;

test.each([
  ['nothing yet', [], accuracy, false],
  ['the first is the best so far', [0.5], accuracy, false],
  ['one that is no better', [0.5, 0.5], accuracy, false],
  ['two that are no better', [0.5, 0.5, 0.4], accuracy, true],
  ['a step of less than minDelta is none', [0.5, 0.55, 0.59], accuracy, true],
  ['steps are measured from the best, not from the last', [0.5, 0.56, 0.62], accuracy, false],
  ['it begins anew after each improvement', [0.5, 0.5, 0.7, 0.7], accuracy, false],
  ['loss improves downwards', [2, 1.5, 1], loss, false],
  ['and stalls upwards', [1, 1.5, 2], loss, true],
] as const)('%s', (_, values, config, expected) => {
  expect(isStalled(values, config)).toBe(expected);
});
