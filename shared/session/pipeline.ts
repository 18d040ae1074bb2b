import { type ClipReport, clipUpdate, type FixedPoint, quantize, weightOf } from '../compress/index.ts';
import { check } from '../errors/index.ts';
import type { Federation } from '../federation/index.ts';
import type { ReleaseEvent } from '../ledger/index.ts';
import {
  type LocalUpdate,
  type MaskedUpdate,
  type NoisedUpdate,
  type QuantizedUpdate,
  sliceRange,
  staged,
} from '../update/index.ts';

/** What is about to be masked and sent, what was done to it, and how the ledger will remember it. */
export interface ProtectedUpdate {
  readonly update: NoisedUpdate;
  readonly report: ClipReport;
  readonly release: ReleaseEvent;
}

/**
 * clip ▶ quantize ▶ noise: the way from a local update to something that may be masked. The order is held by the
 * types: each stage takes only what the one before returns. Masking follows, anew in every attempt: by `maskNone`, or
 * by a member of a secure round (shared/secagg/member.ts). SPEC U-01 to U-07.
 * @throws `data.empty` without examples; `update.non-finite`; `update.overflow`.
 */
export function protectUpdate(
  local: LocalUpdate,
  federation: Pick<Federation, 'strategy' | 'privacy'>,
  fixedPoint: FixedPoint,
): ProtectedUpdate {
  check(local.examples > 0, 'data.empty', 'There are no examples to train on.', {
    remedy: 'Choose a dataset that is not empty.',
  });
  const weight = weightOf(federation, local.examples);
  const { update: clipped, report } = clipUpdate(local, fixedPoint.clipNorm, weight);
  const release = releaseOf(local, federation, fixedPoint.clipNorm, weight);
  return { update: addNoise(quantize(clipped, fixedPoint)), report, release };
}

/**
 * What the ledger will say of the update. Clipping, rounding and adding up afterwards take nothing away from the
 * privacy of what was already noised.
 * @throws `privacy.policy-unmet` when training hid records less than the federation promises.
 */
function releaseOf(
  local: LocalUpdate,
  { privacy }: Pick<Federation, 'privacy'>,
  clipNorm: number,
  weight: number,
): ReleaseEvent {
  const { record } = privacy;
  if (record === undefined) return { mechanism: 'none', released: 'update', clipNorm, weight };
  const noise = local.recordNoise;
  check(
    noise !== undefined &&
      noise.noiseMultiplier >= record.noiseMultiplier &&
      noise.clipNorm <= record.clipNorm &&
      noise.sampling === record.sampling,
    'privacy.policy-unmet',
    'The update was not trained as privately as the federation promises.',
    {
      path: 'privacy.record',
      expected: `${record.sampling} sampling, noise multiplier ${record.noiseMultiplier}, clip norm ${record.clipNorm}`,
      received:
        noise === undefined
          ? 'no noise'
          : `${noise.sampling} sampling, noise multiplier ${noise.noiseMultiplier}, clip norm ${noise.clipNorm}`,
      remedy: 'Nothing was sent. Join again so that the trainer gets the federation as it is now.',
    },
  );
  return { mechanism: 'sampled-gaussian', released: 'update', weight, ...noise };
}

/** Trust model `none`: the update as it is, and a ledger event whose epsilon is infinite. */
function addNoise({ layoutHash, values, weight }: QuantizedUpdate): NoisedUpdate {
  return staged<NoisedUpdate>({ layoutHash, values, weight });
}

/** Secure aggregation `none`: an owner sees the slice it adds up. @param count slices to cut, of near-equal length. */
export function maskNone({ layoutHash, values, weight }: NoisedUpdate, count: number): MaskedUpdate<'none'> {
  const slices = Array.from({ length: count }, (_, index) => {
    const { start, end } = sliceRange(values.length, count, index);
    return new Uint8Array(values.buffer, values.byteOffset + start * 4, (end - start) * 4);
  });
  return staged<MaskedUpdate<'none'>>({ layoutHash, weight, masking: 'none', slices });
}
