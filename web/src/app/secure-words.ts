import type { SecureView } from '../session/secure-view.ts';
import type { RefusedRound, SessionNotice, SessionSnapshot } from '../session/snapshot.ts';
import { counted } from './format.ts';

/** What the secure part of a round waits for, in words. */
export function secureStageWords(view: SecureView): string {
  const { stage, members, keys, shares, threshold, survivors, confirmations } = view;
  switch (stage) {
    case 'keys':
      return 'Exchanging keys, while this device trains.';
    case 'shares':
      return `Dealing shares of secrets, while this device trains: keys of ${keys} of ${members} are here.`;
    case 'waiting':
      return `Waiting for the shares of others: keys of ${keys} of ${members} are here.`;
    case 'ready':
      return `Shares of ${shares} of ${members} are here: masks go on once training is done.`;
    case 'masking':
      return `Putting on masks that ${counted(shares, 'member')} take off together.`;
    case 'sending':
      return 'Masked slices are on their way: to those who get them they look like random numbers.';
    case 'confirming':
      return `Confirming the ${survivors ?? 0} who are in the sum: ${threshold} of ${members} have to.`;
    case 'revealing':
      return `Taking the masks off the sum: ${confirmations} confirmed, threshold ${threshold}.`;
    case 'checking':
      return 'Checking that nobody changed the sum.';
    case 'watching':
      return 'This device is not in the sum of this round; it takes the model that the others make.';
  }
}

/** A committed round as far as this page needs it; records of before there were secure rounds have no `secure`. */
type Committed = Pick<SessionSnapshot['records'][number], 'survivors'> & {
  readonly secure?: SessionSnapshot['records'][number]['secure'] | undefined;
};

/** "Secure: 7 of 10 confirmed, threshold 7"; undefined for a round that was not. */
export function securedWords({ secure, survivors }: Committed): string | undefined {
  if (secure === undefined || secure === null) return undefined;
  return `Secure: ${secure.confirmations} of ${survivors.length} confirmed, threshold ${secure.threshold}`;
}

export interface RefusalWords {
  readonly title: string;
  readonly why: string;
}

/** Why a round was given up, never as something the person did. */
export function refusalWords({ round, code }: RefusedRound): RefusalWords {
  const why = REASONS[code] ?? `Whoever paces the rounds gave it up (${code}).`;
  const title = NOT_ABOUT_SECURITY.has(code)
    ? `Round ${round} was given up.`
    : `Round ${round} was refused: it could not be made secure.`;
  return { title, why };
}

/** Rounds that end so were too slow or overtaken: they would have been secure. */
const NOT_ABOUT_SECURITY: ReadonlySet<string> = new Set([
  'round.deadline',
  'round.superseded',
  'model.unavailable',
]);

/** What follows for the person, whatever the reason. */
export const REFUSED_ANYWAY =
  'Your update alone became known to nobody. There is nothing for you to do: the round is tried again.';

const REASONS: Readonly<Record<string, string>> = {
  'secagg.bad-signature':
    'Something that has to be signed by a participant’s device was not, or was changed on its way.',
  'secagg.bad-key': 'A participant sent a key that nothing can be agreed on with.',
  'secagg.bad-share': 'A participant dealt or revealed a share that does not fit what it had committed to.',
  'secagg.below-threshold': 'Too few participants were left to take the masks off the sum.',
  'secagg.inconsistent': 'Participants were told different things about who takes part or who is left.',
  'secagg.already-revealed':
    'A second sum of the same updates was asked for. The two would differ by single updates, so that nothing more is revealed.',
  'secagg.wrong-ring': 'Masked numbers came that do not fit this round: of another width, length or round.',
  'secagg.check-failed': 'A sum was not the sum of what had been sent: somebody who added up changed it.',
  'secagg.transcript-invalid': 'The record of the round does not fit what happened in it.',
  'round.owner-lost':
    'Whoever was to add up a slice is gone, and nobody else holds what it takes to add it up without giving away single updates.',
  'round.too-few-participants': 'Fewer participants were left than a sum has to hold to hide each of them.',
  'round.deadline': 'Not enough participants were done in time.',
  'round.diverged': 'Participants came to different models.',
  'round.conflicting-slice': 'A participant sent two different slices where there can be one only.',
  'round.refused': 'A participant refused to go on.',
  'round.superseded': 'A newer round or another coordinator took its place.',
  'update.overflow': 'A number was larger than the masks have room for.',
  'model.unavailable': 'The model to start from was nowhere to be had.',
  'privacy.policy-unmet': 'A participant has not what it takes to aggregate securely.',
};

const LEVELS = { info: undefined, warning: 'Warning', error: 'Error' } as const;

/** How a notice is labelled: what secure aggregation refuses is the system at work, not the person's error. */
export function noticeLabel({ level, code }: SessionNotice): 'Refused' | 'Warning' | 'Error' | undefined {
  return code?.startsWith('secagg.') ? 'Refused' : LEVELS[level];
}

/** The engine's own words, and for what secure aggregation refuses a reason that a person can follow. */
export function noticeText({ text, code }: SessionNotice): string {
  const reason = code?.startsWith('secagg.') ? REASONS[code] : undefined;
  return reason === undefined ? text : `${text} ${reason}`;
}
