import { check, MurmurationError } from '../../shared/errors/index.ts';
import { fromBase64Url, participantIdOf } from '../../shared/identity/index.ts';
import { type Hello, helloStatement } from '../../shared/transport/hub-protocol.ts';
import { verifyNatively } from './verify-natively.ts';

/**
 * Checks that whoever said hello holds the key behind the id it claims, for the federation it asked for.
 * @throws `wire.malformed`, `identity.mismatch`, `identity.bad-signature`.
 */
export function proveIdentity(hello: Hello, nonce: string, requested: string): void {
  check(hello.federation === requested, 'wire.malformed', 'The hello is for another federation.', {
    path: 'federation',
    expected: 'the one in the address of the connection',
    received: hello.federation,
  });
  const publicKey = decode('publicKey', hello.publicKey);
  const owner = participantIdOf(publicKey);
  check(owner === hello.participant, 'identity.mismatch', 'The public key belongs to another participant.', {
    expected: hello.participant,
    received: owner,
    remedy: 'Connect with the id of your own key.',
  });
  check(
    verifyNatively(publicKey, helloStatement({ ...hello, nonce }), decode('signature', hello.signature)),
    'identity.bad-signature',
    'The signature does not prove this identity.',
    {
      expected: "a signature over this connection's challenge",
      remedy: 'Connect again and sign the new challenge.',
    },
  );
}

function decode(path: string, text: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw new MurmurationError('wire.malformed', 'The text is not base64url.', { path, cause });
  }
}
