import { check, MurmurationError } from '../../shared/errors/index.ts';
import { type Identity, toBase64Url, verifySignature } from '../../shared/identity/index.ts';

/** What an invitation link carries. Who may still use it is known by the table of invitations. */
export interface InvitationClaims {
  readonly id: string;
  readonly federation: string;
  readonly expiresAtMs: number;
}

const PREFIX = 'mi_';
/** Separates what is signed here from all else that this server signs. */
const PURPOSE = 'murmuration invitation 1\n';
const MAX_LENGTH = 512;
const SHAPE = /^mi_([\w-]+)\.([\w-]{86})$/;

export function isInvitationToken(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** `mi_<claims>.<signature>`, in base64url, by the server's Ed25519 key: a link that nobody else can make. */
export async function signInvitation(
  identity: Pick<Identity, 'sign'>,
  { id, federation, expiresAtMs }: InvitationClaims,
): Promise<string> {
  const claims = toBase64Url(new TextEncoder().encode(JSON.stringify([id, federation, expiresAtMs])));
  return `${PREFIX}${claims}.${toBase64Url(await identity.sign(statement(claims)))}`;
}

/** @throws `http.unauthorized` for what this server did not sign. */
export function readInvitation(publicKey: Uint8Array<ArrayBuffer>, token: string): InvitationClaims {
  const match = token.length > MAX_LENGTH ? null : SHAPE.exec(token);
  check(match !== null, 'http.unauthorized', 'This is no invitation.', {
    expected: 'an invitation as its link carries it',
    remedy: 'Open the whole link that you were given.',
  });
  const [, claims, signature] = match;
  const signed = verifySignature(publicKey, statement(claims!), Buffer.from(signature!, 'base64url').slice());
  check(signed, 'http.unauthorized', 'This server did not make this invitation.', {
    remedy: 'Open the whole link that you were given, at the server that it names.',
  });
  return parseClaims(claims!);
}

function parseClaims(claims: string): InvitationClaims {
  const parsed: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString());
  if (Array.isArray(parsed)) {
    const [id, federation, expiresAtMs] = parsed as unknown[];
    if (typeof id === 'string' && typeof federation === 'string' && typeof expiresAtMs === 'number') {
      return { id, federation, expiresAtMs };
    }
  }
  throw new MurmurationError('http.unauthorized', 'This invitation is of another version.');
}

function statement(claims: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(PURPOSE + claims);
}
