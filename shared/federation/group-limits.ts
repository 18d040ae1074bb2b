/** Most participants that own slices of one another's updates. SPEC F-06. */
export const MESH_GROUP = 16;
/** Fewest updates in a sum that is to hide each of them. SPEC F-07. */
export const SECURE_MINIMUM = 3;

/** Most participants of one round: more than groupSize are split into groups. */
export function mostParticipants(cohort: {
  readonly groupSize: number;
  readonly maxParticipants?: number | undefined;
}): number {
  return cohort.maxParticipants ?? cohort.groupSize;
}
