import { check } from '../errors/index.ts';
import type { Federation } from '../federation/index.ts';
import { type Examples, targetLabels } from './examples.ts';

/**
 * What no training could do anything with, told before a session begins.
 * @throws `data.empty`; `data.too-small` where batches of a fixed size need more examples than there are.
 */
export function checkEnoughExamples(
  { training, privacy }: Pick<Federation, 'training' | 'privacy'>,
  { count }: Pick<Examples, 'count'>,
): void {
  check(count > 0, 'data.empty', 'There are no examples to train on.', {
    expected: 'at least one example',
    received: '0',
    remedy: 'Choose a data set with data in it.',
  });
  check(
    privacy.record?.sampling !== 'fixed' || count >= training.batchSize,
    'data.too-small',
    'There are too few examples for one batch of this federation.',
    {
      expected: `at least ${training.batchSize}, the size of a batch`,
      received: String(count),
      remedy: 'Add data to the data set, or take part in a federation with Poisson sampling.',
    },
  );
}

/**
 * What a participant should know about data that can be trained on, but is unusual: sentences for this device's
 * screen only. Of the targets, each that occurs is enough: those of a large data set need not be read for this.
 * Data of one label is no error: where everybody holds different data, somebody holds just that.
 */
export function dataNotices(
  { data, training, privacy }: Pick<Federation, 'data' | 'training' | 'privacy'>,
  { count, targets }: Pick<Examples, 'count' | 'targets'>,
): readonly string[] {
  const notices: string[] = [];
  if (count === 0) return notices;
  const labels = targetLabels(data);
  if (labels !== undefined && targets.every((target) => target === targets[0])) {
    const label = labels[targets[0]!] ?? '';
    notices.push(
      `All ${count} examples have the label “${label}”. The others teach the shared model what else there is; trained on these alone, it would answer “${label}” to everything.`,
    );
  }
  if (labels === undefined && count > 1 && data.kind !== 'image' && data.target.type === 'value') {
    if (targets.every((target) => target === targets[0]))
      notices.push(`All ${count} examples have the same value to predict.`);
  }
  if (count < training.batchSize) {
    notices.push(
      privacy.record === undefined
        ? `There are fewer examples (${count}) than a batch holds (${training.batchSize}): each pass over them is a single step.`
        : `There are fewer examples (${count}) than a batch holds (${training.batchSize}): every batch takes all of them, so that sampling adds nothing to their privacy.`,
    );
  }
  return notices;
}
