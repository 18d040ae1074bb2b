import { type Credential, keepCredential } from '../session/credential.ts';

/**
 * The link that an invitation is given as. The token is in the fragment: browsers never send it to a server, so that it is in no log.
 */
export function invitationLink(origin: string, federation: string, token: string): string {
  return `${origin}/f/${federation}#invite=${token}`;
}

/** A credential of any kind: invitations, keys and tokens hold these characters only. */
const FRAGMENT = /^#invite=([\w.~+/=-]{1,8000})$/;
const PATH = /^\/f\/([a-z0-9][a-z0-9-]{0,62})\/?$/;

/** What the address brings; undefined where it is no invitation. */
export function invitationIn(
  url: URL,
): { readonly federation: string; readonly credential: Credential } | undefined {
  const token = FRAGMENT.exec(url.hash)?.[1];
  const federation = PATH.exec(url.pathname)?.[1];
  return token === undefined || federation === undefined
    ? undefined
    : { federation, credential: { token, isAdmitted: false } };
}

/** Keeps the invitation of the address, and takes it out of the address bar and the history. Never throws. */
export async function takeInvitation(): Promise<void> {
  const found = invitationIn(new URL(location.href));
  history.replaceState(history.state, '', location.pathname + location.search);
  if (found === undefined) return;
  try {
    await keepCredential(found.federation, found.credential);
  } catch (error) {
    // The federation will say that it lets in those who were invited; the page itself still works.
    console.warn('The invitation could not be kept.', error);
  }
}
