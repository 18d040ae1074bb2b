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

export interface Greeter extends ConnectionOptions {
  lookupFederation(id: string): Promise<boolean>;
  /** Why this participant may not enter. SPEC H-10. */
  refusalFor(participant: ParticipantId): Promise<MurmurationError | undefined>;
  isFull(federation: string, participant: ParticipantId): boolean;
  admit(connection: Connection, hello: Hello): Admitted;
  /** Once per connection: its participant was let in, or it closed before. */
  onDecided(): void;
  onClosed(connection: Connection): void;
}

/** Challenges a new connection, and lets it in or refuses it by name. */
export function greet(socket: WebSocket, federation: string, greeter: Greeter): Connection {
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
    try {
      proveIdentity(hello, nonce, federation);
      await checkFederation(hello);
      if (state !== 'checking') return; // refused or closed meanwhile
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
