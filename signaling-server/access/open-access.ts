import type { Logger } from 'pino';
import { MurmurationError } from '../../shared/errors/index.ts';
import type { Identity, ParticipantId } from '../../shared/identity/index.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ServerConfig } from '../config.ts';
import type { ServerEvents } from '../events.ts';
import { createMeter, localRateCounter, type RateCounter } from '../http/rate-limit.ts';
import type { Database } from '../storage/database.ts';
import { type AccessRepository, accessRepository } from './access-repository.ts';
import { type AccessService, createAccessService } from './access-service.ts';
import { type AdmissionOptions, type Admit, createAdmit, mayStay } from './admission.ts';
import { createAuthenticate, type HubHolder } from './authenticate.ts';
import { type Authorize, createAuthorize } from './authority.ts';
import { countFailures, failedCredentials } from './failed-credentials.ts';
import { ensureOperator } from './first-key.ts';
import { type Authenticate, createGuard, type Guard, type Refusal } from './guard.ts';
import { createJwtVerifier, jwtKeys } from './jwt.ts';

export interface AccessOptions {
  readonly config: Pick<
    ServerConfig,
    'operatorKey' | 'jwt' | 'trustProxy' | 'clientCertHeader' | 'requestsPerMinute'
  >;
  readonly database: Pick<Database, 'run'>;
  /** Of the server. */
  readonly identity: Pick<Identity, 'sign' | 'publicKey'>;
  readonly audit: Pick<AuditLog, 'append' | 'record'>;
  readonly log: Pick<Logger, 'warn'>;
  readonly events?: Pick<ServerEvents, 'emit'>;
  /** Shared by all replicas; default: this process counts. */
  readonly counter?: RateCounter;
  /** Shows the first operator's key, this once. Left out, none is made. */
  readonly announceKey?: ((key: string) => void) | undefined;
  readonly isErased?: AdmissionOptions['isErased'];
  readonly onConsent?: AdmissionOptions['onConsent'];
  readonly nowMs?: () => number;
}

export interface AccessHub {
  authorize(token: string): HubHolder | undefined | Promise<HubHolder | undefined>;
  peers(federation: string): readonly { readonly peer: ParticipantId }[];
  expel(participant: ParticipantId, reason: MurmurationError, federation?: string): void;
}
/** Nobody is connected yet. */
const NO_HUB: AccessHub = { authorize: () => undefined, peers: () => [], expel: () => undefined };

/** Who asks, and what it may do. All doors decide by this. */
export interface Access {
  readonly repository: AccessRepository;
  readonly service: AccessService;
  /** For routes. */
  readonly guard: Guard;
  /** For the other doors: who shows this ... */
  readonly authenticate: Authenticate;
  /** ... and whether it may. */
  readonly authorize: Authorize;
  /** Told of what another door refused. */
  readonly onRefused: (refusal: Refusal) => Promise<void>;
  /** For the hub. */
  readonly admit: Admit;
  readonly counter: RateCounter;
  /** After its settings changed: whoever it would not let in now has to leave. */
  review(federation: string): Promise<void>;
  /** The hub comes after the routes that take its tokens. */
  useHub(hub: AccessHub): void;
}

/** @throws `argument.invalid` for a JWT_PUBLIC_KEY that is no key; `storage.*`. */
export async function openAccess(options: AccessOptions): Promise<Access> {
  const { config, database, identity, audit, log, events, announceKey, isErased, onConsent } = options;
  const nowMs = options.nowMs ?? Date.now;
  const counter = options.counter ?? localRateCounter(nowMs);
  const repository = accessRepository(database, nowMs);
  let hub = NO_HUB;

  const { jwt, operatorKey } = config;
  const identify = createAuthenticate({
    repository,
    operatorKey,
    authorizeHub: (token) => hub.authorize(token),
    verifyJwt: jwt && createJwtVerifier(jwt, jwtKeys(jwt, nowMs), nowMs),
    publicKey: identity.publicKey,
    nowMs,
    onNoteFailed: (thrown) => log.warn({ err: thrown }, 'when a key was used last could not be written down'),
  });
  const meter = createMeter({ counter, requestsPerMinute: config.requestsPerMinute });
  const failures = failedCredentials(meter, nowMs);
  const authenticate = countFailures(identify, failures);
  const authorize = createAuthorize({
    settingsOf: repository.readSettings,
    isMember: repository.hasUser,
  });
  const onRefused = async (refusal: Refusal): Promise<void> => {
    events?.emit({ type: 'refused', code: refusal.error.code, federation: refusal.federation });
    await noteRefusal(audit, refusal);
  };
  const guard = createGuard({
    authenticate: identify,
    authorize,
    trustProxy: config.trustProxy,
    certificateHeader: config.clientCertHeader,
    meter,
    failures,
    onRefused,
  });
  if (announceKey !== undefined) {
    await ensureOperator({ repository, operatorKey, nowMs, announce: announceKey });
  }
  return {
    repository,
    service: createAccessService({
      repository,
      authorize,
      audit,
      identity,
      nowMs,
      onRemoved: (federation, participant) =>
        hub.expel(participant as ParticipantId, wasRemoved(), federation),
    }),
    guard,
    authenticate,
    authorize,
    onRefused,
    admit: createAdmit({
      repository,
      authenticate,
      audit,
      nowMs,
      ...(isErased === undefined ? {} : { isErased }),
      ...(onConsent === undefined ? {} : { onConsent }),
    }),
    counter,
    async review(federation) {
      const { admission } = await repository.readSettings(federation);
      for (const { peer } of hub.peers(federation)) {
        const member = await repository.member(federation, peer);
        if (!mayStay(admission, member?.via)) hub.expel(peer, wasRemoved(), federation);
      }
    },
    useHub(opened) {
      hub = opened;
    },
  };
}

function wasRemoved(): MurmurationError {
  return new MurmurationError('access.not-admitted', 'This device was taken out of the federation.', {
    remedy: 'Ask whoever runs the federation.',
  });
}

/** What somebody known tried and may not is kept. Strangers are counted, not written down: they could fill the disk. */
async function noteRefusal(audit: Pick<AuditLog, 'append'>, refusal: Refusal): Promise<void> {
  const { caller, error, permission, federation } = refusal;
  if (caller === undefined || caller.principal.kind === 'anonymous' || error.code !== 'http.forbidden')
    return;
  await audit.append(caller, {
    action: 'access.refused',
    subject: federation === undefined ? 'server' : `federation:${federation}`,
    after: { permission },
    outcome: 'refused',
    code: error.code,
  });
}
