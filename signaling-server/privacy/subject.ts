import { createHash } from 'node:crypto';
import { check } from '../../shared/errors/index.ts';

/**
 * Whose spending is limited. Of participants and federations this server sees the releases itself; departments and users are
 * charged by whoever answers for them.
 */
export const SUBJECT_KINDS = ['participant', 'federation', 'department', 'user'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

export interface Subject {
  readonly kind: SubjectKind;
  readonly id: string;
}

export const SUBJECT_ID = /^[\w-][\w.@:+-]{0,119}$/;
export const SUBJECT_ID_EXPECTED =
  'at most 120 letters, digits and . _ @ : + -, the first a letter, digit, _ or -';

export function isSubjectKind(text: string): text is SubjectKind {
  return (SUBJECT_KINDS as readonly string[]).includes(text);
}

/** Whether what such a subject has spent is personal data. */
export function isPerson(kind: SubjectKind): boolean {
  return kind === 'participant' || kind === 'user';
}

/** Names of users from elsewhere may hold any character. */
export function subjectIdOf(name: string): string {
  return SUBJECT_ID.test(name) ? name : `sha256:${createHash('sha256').update(name).digest('hex')}`;
}

/** All that a participant has budgets as: where it asks a model by its token of the hub, it is a user of this name. */
export function subjectsOfParticipant(participant: string): readonly Subject[] {
  return [
    { kind: 'participant', id: participant },
    { kind: 'user', id: `participant:${participant}` },
  ];
}

/** One spelling per subject; also their order, in which all writers write. */
export function subjectKey({ kind, id }: Subject): string {
  return `${kind}/${id}`;
}

/** @throws `argument.invalid`. */
export function checkSubject({ kind, id }: Subject): void {
  check(isSubjectKind(kind), 'argument.invalid', 'There is no such kind of subject.', {
    path: 'kind',
    expected: SUBJECT_KINDS.join(', '),
  });
  check(SUBJECT_ID.test(id), 'argument.invalid', 'This cannot be the id of a subject.', {
    path: 'id',
    expected: SUBJECT_ID_EXPECTED,
  });
}
