import { type ClipReport, clipUpdate, type FixedPoint, quantize, weightOf } from '../compress/index.ts';
import { check } from '../errors/index.ts';
import type { Federation } from '../federation/index.ts';
import type { ReleaseEvent } from '../ledger/index.ts';
import {
  type LocalUpdate,
  type MaskedUpdate,
  type NoisedUpdate,
  type QuantizedUpdate,
  staged,
} from '../update/index.ts';

/** What is about to leave the device, what was done to it, and how the ledger will remember it. */
export interface ProtectedUpdate {
  readonly update: MaskedUpdate;
  readonly report: ClipReport;
  readonly release: ReleaseEvent;
}

/**
 * clip ▶ quantize ▶ noise ▶ mask: the one way from a local update to something that may be sent. The order is held
 * by the types: each stage takes only what the one before returns. SPEC U-01 to U-06.
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
  const masked = mask(addNoise(quantize(clipped, fixedPoint)));
  return {
    update: masked,
    report,
    release: { mechanism: 'none', released: 'update', clipNorm: fixedPoint.clipNorm, weight },
  };
}

/** Trust model `none`: the update as it is, and a ledger event whose epsilon is infinite. */
function addNoise({ layoutHash, values, weight }: QuantizedUpdate): NoisedUpdate {
  return staged<NoisedUpdate>({ layoutHash, values, weight });
}

/** Secure aggregation `none`: an owner sees the slice it adds up. */
function mask({ layoutHash, values, weight }: NoisedUpdate): MaskedUpdate {
  return staged<MaskedUpdate>({ layoutHash, values, weight, masking: 'none' });
}
