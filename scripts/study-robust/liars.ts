import {
  flipLabels,
  gaussian,
  innerProductManipulation,
  littleIsEnough,
  plantTrigger,
  signFlip,
  type Trigger,
} from '../../shared/aggregate/attacks/index.ts';
import { type Row, squaredNorm } from '../../shared/aggregate/robust/index.ts';
import type { Examples } from '../../shared/dataset/index.ts';
import { seededRandom } from '../../shared/random/index.ts';
import type { Attack } from './units.ts';

/** Of ten classes of digits. */
const CLASSES = 10;
/** How many times the mean, turned round. */
const FLIP_SCALE = 4;
const PRODUCT_FACTOR = 2;
const LITTLE_FACTOR = 1.5;
/** Of a coordinate, in root mean squares of the honest. */
const GAUSSIAN_SCALE = 30;
/** By how much an update with a back door is lengthened, so that the mean takes it over (Bagdasaryan et al. 2020). */
const BOOST = 4;
/** Part of a liar's digits that show the trigger. */
const TRIGGERED = 0.5;
export const TRIGGER: Trigger = { width: 28, height: 28, side: 4, brightness: 255, label: 0 };

/** What a liar trains on: its own digits, changed where the attack is on data. */
export function poisoned(examples: Examples, attack: Attack | 'none'): Examples {
  const { inputs, targets } = examples as {
    inputs: Uint8Array<ArrayBuffer>;
    targets: Uint16Array<ArrayBuffer>;
  };
  if (attack === 'label flip') return { ...examples, targets: flipLabels(targets, CLASSES) };
  if (attack === 'back door')
    return { ...examples, ...plantTrigger({ inputs, targets }, TRIGGER, TRIGGERED) };
  return examples;
}

/** What liars send in place of what they trained: all the same, knowing every honest update; a back door each its own. */
export function liesOf(
  attack: Attack,
  honest: readonly Row[],
  trained: readonly Row[],
  seed: string,
): readonly Row[] {
  const alike = (row: Row): readonly Row[] => trained.map(() => row);
  switch (attack) {
    case 'sign flip':
      return alike(signFlip(honest, { scale: FLIP_SCALE }));
    case 'inner product':
      return alike(innerProductManipulation(honest, { factor: PRODUCT_FACTOR }));
    case 'little is enough':
      return alike(littleIsEnough(honest, { factor: LITTLE_FACTOR }));
    case 'gaussian':
      return trained.map((_, liar) =>
        gaussian(honest, {
          standardDeviation: GAUSSIAN_SCALE * rootMeanSquare(honest),
          random: seededRandom(`${seed}/${liar}`),
        }),
      );
    case 'label flip':
      return trained;
    case 'back door':
      return trained.map((row) => row.map((value) => BOOST * value) as Row);
  }
}

/** Whether data, not sums, is what a liar changes: then it has to train. */
export const trains = (attack: Attack | 'none'): boolean => attack === 'label flip' || attack === 'back door';

function rootMeanSquare(rows: readonly Row[]): number {
  const squares = rows.reduce((sum, row) => sum + squaredNorm(row), 0);
  return Math.sqrt(squares / (rows.length * rows[0]!.length));
}
