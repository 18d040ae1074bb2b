import { check } from '../../shared/errors/index.ts';
import type { Noise } from '../../shared/privacy/index.ts';
import type { CryptoRandom } from '../../shared/random/index.ts';

const WORD = 2 ** 32;

/**
 * k-ary randomized response (Warner 1965; Kairouz, Bonawitz and Ramage 2016, section 4.1): each label independently becomes a class of probability
 * proportional to e^ε for itself and 1 for every other. Of one label, whoever sees the answer learns at most ε. Sampled exactly: a class drawn uniformly is
 * taken if it is the true one, else with probability exp(−ε), and otherwise drawn again.
 * An event of kind `randomized-response` would say less: accountants here compare a row with one that contributes nothing, and the promise is about
 * one that is another. Pure ε is right for both.
 * @param labels indices of classes.
 * @param classes at least 2.
 * @param epsilon above 0.
 */
export function randomizedResponse(
  labels: ArrayLike<number>,
  classes: number,
  epsilon: number,
  { noise, random }: { readonly noise: Pick<Noise, 'fillBernoulliExp'>; readonly random: CryptoRandom },
): Uint16Array {
  const released = new Uint16Array(labels.length);
  let pending = Array.from(labels, (_, i) => i);
  while (pending.length > 0) {
    const drawn = uniform(pending.length, classes, random);
    const coins = new Uint8Array(pending.length);
    noise.fillBernoulliExp(coins, epsilon);
    pending = pending.filter((row, i) => {
      const isTaken = drawn[i] === labels[row] || coins[i] === 1;
      if (isTaken) released[row] = drawn[i]!;
      return !isTaken;
    });
  }
  return released;
}

/** Whole numbers below `below`, each as likely: words that would favour some are thrown away. */
function uniform(count: number, below: number, random: CryptoRandom): Uint16Array {
  check(below >= 2 && below <= 2 ** 16, 'privacy.invalid-parameter', 'Too few or too many classes.', {
    expected: `2 to ${2 ** 16}`,
    received: String(below),
  });
  const fair = WORD - (WORD % below);
  const drawn = new Uint16Array(count);
  for (let filled = 0; filled < count; ) {
    const bytes = random.bytes(4 * (count - filled));
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.byteLength; at += 4) {
      const word = view.getUint32(at);
      if (word < fair) drawn[filled++] = word % below;
    }
    bytes.fill(0);
  }
  return drawn;
}
