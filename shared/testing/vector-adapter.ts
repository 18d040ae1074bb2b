import {
  advancedCompositionVector,
  analyticGaussianVector,
  membershipInferenceVector,
} from './vectors/analytic.ts';
import { attackVector } from './vectors/attacks.ts';
import { adaptiveClippingVector, clippingVector } from './vectors/clipping.ts';
import { compressionVector } from './vectors/compression.ts';
import { groupPrivacyVector } from './vectors/group.ts';
import { serverOptimizerVector } from './vectors/optimizer.ts';
import { pldVector } from './vectors/pld.ts';
import { rdpVector } from './vectors/rdp.ts';
import { robustVector } from './vectors/robust.ts';
import { stalenessVector } from './vectors/staleness.ts';
import { treeVector } from './vectors/tree.ts';
import { type QuestionVector, type Results, UnsupportedVector } from './vectors/vector.ts';

export { type QuestionVector, UnsupportedVector } from './vectors/vector.ts';

const GROUPS: Readonly<Record<string, (vector: QuestionVector) => Results>> = {
  rdp: rdpVector,
  pld_prv: pldVector,
  analytic_gaussian: analyticGaussianVector,
  dp_ftrl: treeVector,
  adaptive_clipping: adaptiveClippingVector,
  clipping: clippingVector,
  group_privacy: groupPrivacyVector,
  advanced_composition: advancedCompositionVector,
  membership_inference: membershipInferenceVector,
  server_optimizer: serverOptimizerVector,
  async_staleness: stalenessVector,
  robust_aggregation: robustVector,
  attacks: attackVector,
  compression: compressionVector,
};

/** Groups of reference vectors that {@link evaluate} answers. */
export const GROUPS_ANSWERED: readonly string[] = Object.keys(GROUPS);

/**
 * Answers a reference vector by the project's public functions, from its inputs alone.
 * @param vector As in the file of vectors, without `expected`: the figures are chosen by what the inputs look like, and by the
 * names in its tolerance where it has one for each figure.
 * @returns the figures by the names that `expected` has.
 * @throws UnsupportedVector with the reason, where nothing here answers it.
 */
export function evaluate(vector: QuestionVector): Results {
  const answer = GROUPS[vector.group];
  if (answer === undefined) throw new UnsupportedVector(`No function answers group "${vector.group}".`);
  return Object.fromEntries(Object.entries(answer(vector)).map(([name, value]) => [name, asWritten(value)]));
}

/** JSON has no infinite numbers: vectors write "Infinity". */
function asWritten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asWritten);
  return value === Infinity || value === -Infinity ? String(value) : value;
}
