import { SECURE_MINIMUM } from '../../../shared/federation/group-limits.ts';

/** What follows for those who take part, for whoever decides whether a federation aggregates securely. */
export const SECURE_CONSEQUENCES: readonly string[] = [
  `At least ${SECURE_MINIMUM} participants, in every round and in every sum.`,
  'A round that loses more than a third of its participants is refused, and tried again.',
  'A few more messages in each round, and somewhat more to send.',
  'Nobody can look at single updates, and so nobody can sort out a harmful one.',
  'The page has to come over HTTPS.',
];

/**
 * A federation document as a person has it, with secure aggregation or without; what it asks of the group is raised
 * where it has to be, and nothing else is changed.
 * @param text JSON of a document that validates.
 */
export function withSecureAggregation(text: string, secure: boolean): string {
  const document = JSON.parse(text) as Record<string, Readonly<Record<string, unknown>> | undefined>;
  const privacy = { ...document.privacy, secureAggregation: secure ? 'secagg' : 'none' };
  const { minParticipants, groupSize } = document.cohort ?? {};
  const cohort = {
    ...document.cohort,
    minParticipants: atLeastMinimum(minParticipants),
    ...(groupSize === undefined ? {} : { groupSize: atLeastMinimum(groupSize) }),
  };
  return JSON.stringify({ ...document, privacy, ...(secure ? { cohort } : {}) }, null, 2);
}

function atLeastMinimum(count: unknown): number {
  return Math.max(SECURE_MINIMUM, Number(count ?? 0));
}
