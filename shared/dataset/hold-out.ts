import { check } from '../errors/index.ts';
import { seededRandom, shuffle } from '../random/index.ts';
import type { Examples } from './examples.ts';

/**
 * Sets a seeded random part of the examples aside for evaluation; the rest is for training. The same seed splits
 * the same dataset the same way, so that what is evaluated on was never trained on.
 * @param fraction - share that is set aside, 0 to 1; at least one example, and never all.
 * @throws `data.too-small` with fewer than two examples.
 */
export function holdOut(
  examples: Examples,
  fraction: number,
  seed: string,
): { training: Examples; held: Examples } {
  const { training, held } = holdOutRows(examples.count, fraction, seed);
  return { held: pick(examples, held), training: pick(examples, training) };
}

/** As {@link holdOut}, by the places of the examples. */
export function holdOutRows(
  count: number,
  fraction: number,
  seed: string,
): { training: Uint32Array<ArrayBuffer>; held: Uint32Array<ArrayBuffer> } {
  check(count >= 2, 'data.too-small', 'The dataset is too small to set a part aside for evaluation.', {
    expected: 'at least 2 examples',
    received: String(count),
    remedy: 'Add examples, or use a federation that does not evaluate on local data.',
  });
  const order = shuffle(
    Uint32Array.from({ length: count }, (_, i) => i),
    seededRandom(`hold-out/${seed}`),
  ) as Uint32Array<ArrayBuffer>;
  const heldCount = Math.min(count - 1, Math.max(1, Math.round(count * fraction)));
  return { held: order.slice(0, heldCount), training: order.slice(heldCount) };
}

function pick({ count, inputs, targets }: Examples, rows: Uint32Array): Examples {
  const size = inputs.length / count;
  const each = targets.length / count;
  const chosenInputs =
    inputs instanceof Uint8Array ? new Uint8Array(rows.length * size) : new Float32Array(rows.length * size);
  const chosenTargets =
    targets instanceof Uint16Array
      ? new Uint16Array(rows.length * each)
      : new Float32Array(rows.length * each);
  rows.forEach((row, i) => {
    chosenInputs.set(inputs.subarray(row * size, (row + 1) * size), i * size);
    chosenTargets.set(targets.subarray(row * each, (row + 1) * each), i * each);
  });
  return { count: rows.length, inputs: chosenInputs, targets: chosenTargets };
}
