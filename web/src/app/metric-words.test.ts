import { expect, test } from 'vitest';
import { metricName, metricValue } from './metric-words.ts';

test('shares are percent, errors have significant digits, others three decimals', () => {
  expect(metricValue({ name: 'accuracy', value: 0.9312 }, 'en')).toBe('93.1%');
  expect(metricValue({ name: 'auc', value: 0.98765 }, 'en')).toBe('0.988');
  expect(metricValue({ name: 'meanAbsoluteError', value: 12345.6 }, 'en')).toBe('12,350');
  expect(metricValue({ name: 'rootMeanSquaredError', value: 0.00012345 }, 'en')).toBe('0.0001235');
});

test('what has no value is a dash', () => {
  expect(metricValue({ name: 'auc', value: undefined, note: 'why' })).toBe('–');
  expect(metricName('auc')).toBe('Area under the ROC curve');
});
