import type { ReleaseEvent } from '../../../shared/ledger/index.ts';
import { counted } from './format.ts';

/** What left the device, and what was done to it before, in words. */
export function releaseWords(event: ReleaseEvent): string {
  if (event.mechanism === 'sampled-gaussian') {
    const { noiseMultiplier, clipNorm, steps } = event;
    return `An update with noise. It was added on this device in each of ${counted(steps, 'step')}: ${noiseMultiplier} times as much as any one example could change (clip norm ${clipNorm}). Epsilon, what it all adds up to, is not computed yet.`;
  }
  if (event.released === 'local-metrics')
    return 'How many held-out examples the model got right, without noise. No finite epsilon covers it.';
  return 'An update without noise. No finite epsilon covers it.';
}
