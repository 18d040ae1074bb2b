import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Role, Scope } from './permission.ts';

/** Who asks, and how that is known. */
export interface Principal {
  /** `participant`: by the token that the hub gave it. `operator-key`: by OPERATOR_KEY. */
  readonly kind:
    | 'anonymous'
    | 'participant'
    | 'api-key'
    | 'token'
    | 'invitation'
    | 'certificate'
    | 'operator-key'
    | 'system';
  /** Stable and free of secrets, for the audit and for rate limits: `key:3f…`, `user:iss#sub`, `participant:…`, `anonymous`. */
  readonly name: string;
  readonly role: Role | undefined;
  readonly scopes: ReadonlySet<Scope>;
  /** The only federation it may concern itself with; undefined: all that its role reaches. */
  readonly federation: string | undefined;
  readonly participant: ParticipantId | undefined;
  /** Of a JWT: `iss#sub`. Of a key: what it was made for, if anything. */
  readonly user: string | undefined;
  readonly department: string | undefined;
  /** Milliseconds since the epoch; undefined: until it is revoked. */
  readonly expiresAtMs: number | undefined;
}

/** What is known of a request besides its principal. For the audit. */
export interface Origin {
  readonly address: string;
  readonly requestId: string;
}

/** What every call to a service carries. */
export interface Caller {
  readonly principal: Principal;
  readonly origin: Origin;
}

/** This server, of its own accord: a schedule, a retention period. */
export const SYSTEM: Caller = {
  principal: {
    kind: 'system',
    name: 'system',
    role: 'operator',
    scopes: new Set(),
    federation: undefined,
    participant: undefined,
    user: undefined,
    department: undefined,
    expiresAtMs: undefined,
  },
  origin: { address: 'local', requestId: 'system' },
};
