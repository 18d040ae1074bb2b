import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import { check, MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { CLOSE, type Hello, HUB_PROTOCOL, parseClientText } from '../../shared/transport/hub-protocol.ts';
import { type Connection, type ConnectionOptions, createConnection } from './connection.ts';
import { proveIdentity } from './handshake.ts';
import { outOfPhase } from './out-of-phase.ts';

/** What goes on with a connection once its participant is let in. */
export interface Admitted {
  onText(text: string): void;
  onBinary(bytes: Uint8Array<ArrayBuffer>): void;
  onClosed(): void;
}

/** Somebody that proved who it is, and asks to take part. */
export interface Applicant {
  readonly federation: string;
  readonly participant: ParticipantId;
  readonly credential: string | undefined;
  readonly policy: string | undefined;
  /** Where it connects from. */
  readonly address: string;
}

export interface Greeter extends ConnectionOptions {
  lookupFederation(id: string): Promise<boolean>;
  /** Why this participant may not enter. SPEC H-10. */
  refusalFor(participant: ParticipantId): Promise<MurmurationError | undefined>;
  isFull(federation: string, participant: ParticipantId): boolean;
  /** @throws why what somebody shows does not let it in. SPEC H-11. */
  admitted(applicant: Applicant): Promise<void>;
  admit(connection: Connection, hello: Hello): Admitted;
  /** Why it was expelled at this time or later: what let it in may have been asked before. */
  expelledSince(atMs: number, federation: string, participant: ParticipantId): MurmurationError | undefined;
  /** Once per connection: its participant was let in, or it closed before. */
  onDecided(): void;
  onClosed(connection: Connection): void;
}

/** Codes of what went wrong here, rather than with whoever knocks. */
const FAILURES = /^(storage\.|internal$)/;

/** Challenges a new connection, and lets it in or refuses it by name. */
export function greet(socket: WebSocket, federation: string, address: string, greeter: Greeter): Connection {
  const { clock, limits, log } = greeter;
  const nonce = randomBytes(32).toString('base64url');
  let state: 'challenged' | 'checking' | 'refused' | Admitted = 'challenged';

  const connection = createConnection(socket, greeter, {
    onText(text) {
      if (typeof state === 'object') state.onText(text);
      else begin(text);
    },
    onBinary(bytes) {
      if (typeof state === 'object') state.onBinary(bytes);
      else refuse(outOfPhase('hello', 'a binary frame'));
    },
    onClosed() {
      cancelTimeout();
      if (typeof state === 'object') {
        state.onClosed();
      } else {
        state = 'refused';
        greeter.onDecided();
      }
      greeter.onClosed(connection);
    },
  });

  const cancelTimeout = clock.after(limits.handshakeTimeoutMs, () => {
    const late = 'The handshake took too long.';
    refuse(new MurmurationError('transport.timed-out', late, { remedy: 'Connect again.' }));
  });

  const begin = (text: string): void => {
    try {
      const message = parseClientText(text);
      if (state !== 'challenged' || message.type !== 'hello') throw outOfPhase('one hello', message.type);
      state = 'checking';
      void decide(message);
    } catch (thrown) {
      refuse(thrown);
    }
  };

  const decide = async (hello: Hello): Promise<void> => {
    const beganAtMs = clock.nowMs();
    try {
      proveIdentity(hello, nonce, federation);
      await checkFederation(hello);
      if (state !== 'checking') return; // refused or closed meanwhile
      const expelled = greeter.expelledSince(beganAtMs, federation, hello.participant);
      if (expelled !== undefined) throw expelled;
      state = greeter.admit(connection, hello);
      cancelTimeout();
      greeter.onDecided();
    } catch (thrown) {
      refuse(thrown);
    }
  };

  const checkFederation = async (hello: Hello): Promise<void> => {
    const known = await greeter.lookupFederation(federation).catch(lookupFailed);
    check(known, 'federation.unknown', 'The server does not know this federation.', {
      received: federation,
      remedy: 'Check the link, or add the federation to this server.',
    });
    const refusal = await greeter.refusalFor(hello.participant).catch(lookupFailed);
    if (refusal !== undefined) throw refusal;
    checkRoom(hello);
    const { participant, credential, policy } = hello;
    await greeter.admitted({ federation, participant, credential, policy, address }).catch((thrown) => {
      // Its own refusals have names; what is the server's fault is told as that.
      const isRefusal = thrown instanceof MurmurationError && !FAILURES.test(thrown.code);
      if (isRefusal) throw thrown;
      lookupFailed(thrown);
    });
    checkRoom(hello); // others may have come meanwhile
  };

  const checkRoom = (hello: Hello): void => {
    check(
      !greeter.isFull(federation, hello.participant),
      'http.unavailable',
      'The federation is full on this server.',
      {
        expected: `at most ${limits.maxPeersPerFederation} participants at once`,
        remedy: 'Try again later.',
      },
    );
  };

  const lookupFailed = (thrown: unknown): never => {
    log.error({ err: thrown }, 'hub: could not look a federation or a participant up');
    throw new MurmurationError('http.unavailable', 'The server cannot look federations up at the moment.', {
      remedy: 'Connect again.',
    });
  };

  /** Before anyone is let in, the first thing that goes wrong ends the connection. */
  const refuse = (thrown: unknown): void => {
    if (state === 'refused') return;
    state = 'refused';
    connection.fault(thrown);
    connection.end(CLOSE.refused, toErrorRecord(thrown).code);
  };

  connection.sendText({ type: 'challenge', protocol: HUB_PROTOCOL, nonce });
  return connection;
}
