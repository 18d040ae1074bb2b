import type { ErrorRecord } from '../../../shared/errors/index.ts';

export interface DeviceRefusalWords {
  readonly title: string;
  /** What it means, in words for a person; the record's own message has the figures. */
  readonly why: string;
  /** What there is to do. */
  readonly todo: string;
}

const NOTHING_SENT = 'Nothing was sent.';

/** What the server does, not this device. */
const BY_SERVER: Readonly<Partial<Record<ErrorRecord['code'], DeviceRefusalWords>>> = {
  'participant.blocked': {
    title: 'The operator of this server blocked this device.',
    why: 'It takes part in no federation here any more. Your data and the model stay on this device.',
    todo: 'Ask the operator of the server; the reason that was given stands below.',
  },
  'participant.quarantined': {
    title: 'This device is not invited for a while.',
    why: 'The server leaves out, for some time, devices whose rounds came to nothing too often, or whose groups stood out from the others again and again. That can be bad luck, a slow network or unusual data.',
    todo: 'There is nothing for you to do: it is invited again by itself. Until when stands below.',
  },
  'privacy.consent-missing': {
    title: 'This federation takes in those who agreed to its terms.',
    why: 'The server did not hear of an agreement. Nothing was sent.',
    todo: 'Read the terms and agree to them, if you do.',
  },
  'privacy.consent-withdrawn': {
    title: 'The consent of this device was withdrawn.',
    why: 'It was withdrawn here or, on your behalf, by whoever runs the server. Nothing is sent since.',
    todo: 'Agree to the terms again, if you want to take part again.',
  },
  'access.not-admitted': {
    title: 'This federation lets in those who were invited.',
    why: 'The server did not find an invitation or a membership of this device. Nothing was sent.',
    todo: 'Open the invitation link that you were given, or ask whoever runs the federation for one.',
  },
  'access.invitation-used': {
    title: 'This invitation has been used up.',
    why: 'It was made for so many devices, and as many have come.',
    todo: 'Ask whoever invited you for another one.',
  },
  'access.expired': {
    title: 'What let you in has expired.',
    why: 'Invitations and sign-ins are good for a time, and that time is over.',
    todo: 'Sign in again, or ask whoever invited you for another invitation.',
  },
  'access.revoked': {
    title: 'What let you in was taken back.',
    why: 'Whoever runs the federation withdrew this invitation or key.',
    todo: 'Ask whoever runs the federation.',
  },
};

const WORDS: Readonly<Partial<Record<ErrorRecord['code'], Omit<DeviceRefusalWords, 'title'>>>> = {
  'privacy.budget-exceeded': {
    why: 'After it, more would have been spent of your data than a limit allows.',
    todo: 'If the limit is yours, you can raise it on the page of this data. If it is the federation’s, the data has done its part here: leave, or use other data.',
  },
  'privacy.ledger-locked': {
    why: 'The ledger of this data is locked, so that what was spent is not known.',
    todo: 'Decide on the page of this data what is to be done about it.',
  },
  'ledger.broken-chain': {
    why: 'The ledger of this data was changed or damaged, so that what was spent is not known.',
    todo: 'Decide on the page of this data what is to be done about it.',
  },
  'privacy.policy-unmet': {
    why: 'The invitation does not give the protection that the federation promises, such as fewer participants or less noise than were agreed on.',
    todo: 'There is nothing for you to do: rounds that keep the promise go on. If all are refused, leave, and tell whoever runs the server.',
  },
  'privacy.policy-changed': {
    why: 'The federation asks for something else than you agreed to.',
    todo: 'Read what changed, agree to it or leave.',
  },
  'privacy.invalid-parameter': {
    why: 'The promise would mean nothing for data like yours, such as a delta above one over the number of examples.',
    todo: 'Use more data, or another federation.',
  },
  'round.repeated': {
    why: 'The coordinator asked for a round that this device had already given an update for. Two updates of one round tell more than one.',
    todo: 'There is nothing for you to do; leave if it goes on like this, and tell whoever runs the server.',
  },
  'round.wrong-base': {
    why: 'The model to start from is not the one that follows from the rounds this device knows.',
    todo: 'There is nothing for you to do; leave if it goes on like this.',
  },
  'round.wrong-cohort': {
    why: 'Those who were to take part are not those whom the federation allows: too few, too many, or somebody twice.',
    todo: 'There is nothing for you to do; leave if it goes on like this, and tell whoever runs the server.',
  },
  'round.unfair-draw': {
    why: 'The groups of the round were not drawn as all had agreed that they would be.',
    todo: 'There is nothing for you to do; leave if it goes on like this, and tell whoever runs the server.',
  },
};

/** Why this device would not do what it was asked, as its own decision. */
export function deviceRefusalWords(error: ErrorRecord, round: number | undefined): DeviceRefusalWords {
  const byServer = BY_SERVER[error.code];
  if (byServer !== undefined) return byServer;
  const title =
    round === undefined ? 'This device refused to take part.' : `This device refused round ${round}.`;
  const known = WORDS[error.code];
  if (known === undefined)
    return { title, why: error.message, todo: `${NOTHING_SENT} Leave if it goes on like this.` };
  return { title, why: `${known.why} ${NOTHING_SENT}`, todo: known.todo };
}

/** Why a federation is not shown to whoever has nothing that lets them in; undefined for every other error. */
export function admissionWords({ code }: ErrorRecord): DeviceRefusalWords | undefined {
  if (code === 'http.unauthorized' || code === 'http.forbidden') return BY_SERVER['access.not-admitted'];
  return code.startsWith('access.') ? BY_SERVER[code] : undefined;
}

/** Whether the page of the data is where a person can do something about it. */
export function isAboutLedger({ code }: ErrorRecord): boolean {
  return (
    code === 'privacy.budget-exceeded' || code === 'privacy.ledger-locked' || code === 'ledger.broken-chain'
  );
}
