import { expect, test } from 'vitest';
import { releaseWords } from './ledger-words.ts';

test('an update without noise is called that', () => {
  const event = { mechanism: 'none', released: 'update', clipNorm: 20, weight: 5 } as const;
  expect(releaseWords(event)).toBe('An update without noise. No finite epsilon covers it.');
});

test('local metrics too', () => {
  expect(releaseWords({ mechanism: 'none', released: 'local-metrics' })).toMatch(/without noise/);
});

test('an update with noise says where it was added, how much, and what is not known', () => {
  const words = releaseWords({
    mechanism: 'sampled-gaussian',
    released: 'update',
    weight: 100,
    noiseMultiplier: 1.1,
    clipNorm: 0.5,
    sampling: 'poisson',
    samplingRate: 0.2,
    steps: 5,
  });
  expect(words).toBe(
    'An update with noise. It was added on this device in each of 5 steps: 1.1 times as much as any one example could change (clip norm 0.5). Epsilon, what it all adds up to, is not computed yet.',
  );
});
