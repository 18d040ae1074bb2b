import { check, MurmurationError } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Applicant } from '../hub/greeting.ts';
import type { AccessRepository, FederationSettings } from './access-repository.ts';
import { ANONYMOUS } from './authenticate.ts';
import type { Authenticate } from './guard.ts';
import type { Caller, Principal } from './principal.ts';

/** @throws why it may not: `access.*`, `http.unauthorized`, `http.forbidden`. SPEC O-05 to O-07. */
export type Admit = (applicant: Applicant) => Promise<void>;

export interface AdmissionOptions {
  readonly repository: Pick<
    AccessRepository,
    'readSettings' | 'invitationById' | 'redeem' | 'member' | 'putMember'
  >;
  readonly authenticate: Authenticate;
  readonly audit: Pick<AuditLog, 'record'>;
  readonly nowMs: () => number;
  /** Whoever asked to be deleted is not taken in again. */
  readonly isErased?: (participant: ParticipantId) => Promise<boolean>;
  /** Keeps that these terms were agreed to, or refuses by throwing. */
  readonly onConsent?: (consent: {
    readonly federation: string;
    readonly participant: ParticipantId;
    readonly policy: string | undefined;
  }) => Promise<void>;
}

/** Kinds of principal that a credential of a hello may prove. */
const TAKEN: ReadonlySet<Principal['kind']> = new Set(['api-key', 'token', 'invitation', 'operator-key']);

/** @throws why it may not come in. */
type Door = (applicant: Applicant, principal: Principal) => Promise<void>;

/** Decides at the hub who takes part in a federation, and writes down by what it came in. */
export function createAdmit(options: AdmissionOptions): Admit {
  const { repository, authenticate, audit, nowMs, isErased, onConsent } = options;

  const doors: Readonly<Record<'open' | 'invitation' | 'members', Door>> = {
    open: (applicant, principal) =>
      principal.kind === 'invitation' ? redeem(applicant, principal) : enter(applicant, principal),
    invitation: byInvitation,
    members: byMembership,
  };

  return async (applicant) => {
    const { federation, participant, credential, policy } = applicant;
    await checkNotErased(participant);
    const { admission } = await repository.readSettings(federation);
    const principal =
      credential === undefined
        ? ANONYMOUS
        : await authenticate({ bearer: credential, certificate: undefined, address: applicant.address });
    if (credential !== undefined) checkCredential(principal, federation);

    await doors[admission](applicant, principal);
    await onConsent?.({ federation, participant, policy });
    // A deletion that began meanwhile found no connection to end.
    await checkNotErased(participant);
  };

  async function checkNotErased(participant: ParticipantId): Promise<void> {
    check(!(await isErased?.(participant)), 'access.not-admitted', 'What this device was here is deleted.', {
      remedy: 'Take part with a new identity, if you want to take part again.',
    });
  }

  async function enter(applicant: Applicant, principal: Principal): Promise<void> {
    const { federation, participant } = applicant;
    const { user = null, department = null } = principal;
    const via = viaOf(principal);
    const put = () => repository.putMember({ federation, participant, via, user, department }, nowMs());
    const isKnown = principal.kind === 'anonymous' || (await repository.member(federation, participant));
    await (isKnown ? put() : recordAdmitted(applicant, principal, put));
  }

  async function redeem(applicant: Applicant, principal: Principal): Promise<void> {
    const { federation, participant } = applicant;
    const invitation = await repository.invitationById(principal.name.slice('invitation:'.length));
    const refused = new MurmurationError('access.invitation-used', 'This invitation has been used up.', {
      expected: `at most ${invitation?.maxUses ?? 0} participants`,
      remedy: 'Ask whoever invited you for another one.',
    });
    const member = await repository.member(federation, participant);
    if (member !== undefined && member.via !== 'open')
      return void (await repository.putMember(
        { federation, participant, via: 'open', user: null, department: null },
        nowMs(),
      ));
    // Looked at first: whoever tries one again and again that is used up writes nothing.
    if (invitation === undefined || invitation.uses >= invitation.maxUses) throw refused;
    await recordAdmitted(applicant, principal, async () => {
      if ((await repository.redeem(invitation, participant, nowMs())) === 'refused') throw refused;
    });
  }

  async function byInvitation(applicant: Applicant, principal: Principal): Promise<void> {
    if (principal.kind === 'invitation') return redeem(applicant, principal);
    if (principal.kind !== 'anonymous') return byMembership(applicant, principal);
    const member = await repository.member(applicant.federation, applicant.participant);
    check(
      member !== undefined && member.via !== 'open',
      'access.not-admitted',
      'This federation lets in those who were invited.',
      {
        expected: 'an invitation, or a credential with the scope training:participate',
        received: 'neither',
        remedy: 'Open the invitation link that you were given, or ask whoever runs the federation for one.',
      },
    );
    return enter(applicant, ANONYMOUS);
  }

  async function byMembership(applicant: Applicant, principal: Principal): Promise<void> {
    check(
      principal.scopes.has('training:participate'),
      'access.not-admitted',
      'This federation lets in those who hold an account for it.',
      {
        expected: 'a credential with the scope training:participate',
        received: principal.kind === 'anonymous' ? 'no credential' : 'a credential without it',
        remedy: 'Sign in, or ask whoever runs the federation for a key.',
      },
    );
    return enter(applicant, principal);
  }

  async function recordAdmitted(
    applicant: Applicant,
    principal: Principal,
    effect: () => Promise<unknown>,
  ): Promise<void> {
    const { federation, participant, address } = applicant;
    const caller: Caller = { principal, origin: { address, requestId: 'hub' } };
    await audit.record(caller, {
      action: 'access.admitted',
      subject: `participant:${participant}`,
      after: { federation, via: viaOf(principal), department: principal.department ?? null },
      effect,
    });
  }
}

/** @throws for one that is good, but not for this. */
function checkCredential({ kind, federation }: Principal, wanted: string): void {
  if (!TAKEN.has(kind)) {
    throw new MurmurationError('access.not-admitted', 'This credential does not let anybody in.', {
      expected: 'a key, an invitation or a token with the scope training:participate',
      received: kind,
    });
  }
  check(
    federation === undefined || federation === wanted,
    'access.not-admitted',
    'This credential is for another federation.',
    { expected: `one for ${wanted}`, remedy: 'Use the one that you were given for this federation.' },
  );
}

/** Whether somebody that came in by this may stay. What is shown at each hello is not asked for again while it lasts. */
export function mayStay(admission: FederationSettings['admission'], via: string | undefined): boolean {
  if (admission === 'open') return true;
  if (via === undefined || via === 'open') return false;
  return admission === 'invitation' || !via.startsWith('invitation:');
}

/** How a member is said to have come in. */
function viaOf({ kind, name }: Principal): string {
  if (kind === 'anonymous') return 'open';
  return kind === 'token' ? 'token' : name;
}
