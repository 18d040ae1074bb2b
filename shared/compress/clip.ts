import { check } from '../errors/index.ts';
import { type ClippedUpdate, type LocalUpdate, staged } from '../update/index.ts';

/** What clipping did to one update; the page shows it. */
export interface ClipReport {
  /** L2 norm before clipping. */
  readonly norm: number;
  readonly clipped: boolean;
}

/**
 * Scales an update down to an L2 norm of at most `clipNorm` (McMahan et al. 2018, "Learning Differentially
 * Private Recurrent Language Models", section 3): delta · min(1, clipNorm / ‖delta‖). [3, 4] clipped to 1 is [0.6, 0.8].
 * @throws `update.non-finite` when a coordinate is NaN or infinite; nothing of such an update is sent.
 */
export function clipUpdate(
  update: LocalUpdate,
  clipNorm: number,
  weight: number,
): { update: ClippedUpdate; report: ClipReport } {
  let squares = 0;
  for (const value of update.delta) squares += value * value;
  check(Number.isFinite(squares), 'update.non-finite', 'The local update holds a value that is not finite.', {
    expected: 'finite numbers',
    received: 'NaN or infinity',
    remedy: 'The training diverged on this device: check the data or lower the learning rate.',
  });
  const norm = Math.sqrt(squares);
  const clipped = norm > clipNorm;
  // Rounding to float32 may lengthen the vector by up to one part in 2^24; stepping inside keeps the bound strict.
  const factor = clipped ? (clipNorm / norm) * (1 - 2 ** -22) : 1;
  const delta = clipped ? update.delta.map((value) => value * factor) : update.delta;
  return {
    update: staged<ClippedUpdate>({ layoutHash: update.layoutHash, delta, clipNorm, weight }),
    report: { norm, clipped },
  };
}
