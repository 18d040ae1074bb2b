import { check } from '../errors/index.ts';
import type { Federation, FederationInput } from '../federation/index.ts';
import type { CryptoRandom } from '../random/index.ts';
import { type Clock, systemClock } from '../transport/clock.ts';
import { createLiveClient, type LiveClient, type LiveOptions } from './live.ts';
import {
  createRequester,
  type FetchPort,
  type Order,
  type RequestOptions,
  type TokenSource,
} from './request.ts';
import type {
  AccessKey,
  Alert,
  AlertKind,
  AuditEntry,
  Checksum,
  DrainState,
  FederationSettings,
  Invitation,
  NewKey,
  Page,
  PageQuery,
  PrivacyBudget,
  Promotion,
  Run,
  StartTraining,
  SubjectKind,
  Training,
  TrainingConfig,
  TrainingMetrics,
  TrainingStatus,
  Version,
} from './types.ts';

export interface ClientOptions {
  /** The server's origin without a slash at the end; empty in a page that the server itself sent. */
  readonly baseUrl: string;
  readonly token?: TokenSource;
  readonly fetch: FetchPort;
  /** For `live`; needs `random` too, and a `baseUrl` that is not empty. */
  readonly WebSocket?: LiveOptions['WebSocket'];
  readonly random?: CryptoRandom;
  readonly clock?: Clock;
  readonly timeoutMs?: number;
}

/** The server's API, typed. Every refusal is thrown as a MurmurationError with the server's code. */
export type Client = ReturnType<typeof createClient>;

export function createClient(options: ClientOptions) {
  const { clock = systemClock } = options;
  const request = createRequester({ ...options, clock });
  let live: LiveClient | undefined;

  const get = <T>(path: string, query?: Order['query'], more?: RequestOptions) =>
    request<T>({ method: 'GET', path, query, ...more });
  const send = <T>(method: Order['method'], path: string, body?: unknown, more?: RequestOptions) =>
    request<T>({ method, path, body, ...more });
  async function page<T>(path: string, name: string, query: object, more?: RequestOptions): Promise<Page<T>> {
    const answer = await get<Record<string, unknown>>(path, query as Order['query'], more);
    return { items: answer[name] as readonly T[], next: answer.next as string | null };
  }

  return {
    trainings: {
      start: (order: StartTraining, more?: RequestOptions) =>
        send<Training>('POST', '/api/training/start', order, more),
      get: (id: string, more?: RequestOptions) =>
        get<Training>(`/api/training/${part(id)}/status`, undefined, more),
      list: (
        query: PageQuery & { readonly federation?: string; readonly status?: TrainingStatus } = {},
        more?: RequestOptions,
      ) => page<Training>('/api/trainings', 'trainings', query, more),
      metrics: (
        id: string,
        query: { readonly from?: number; readonly limit?: number } = {},
        more?: RequestOptions,
      ) => get<TrainingMetrics>(`/api/training/${part(id)}/metrics`, query, more),
      pause: (id: string, more?: RequestOptions) =>
        send<Training>('POST', `/api/training/${part(id)}/pause`, {}, more),
      resume: (id: string, more?: RequestOptions) =>
        send<Training>('POST', `/api/training/${part(id)}/resume`, {}, more),
      stop: (id: string, reason?: string, more?: RequestOptions) =>
        send<Training>(
          'POST',
          `/api/training/${part(id)}/stop`,
          reason === undefined ? {} : { reason },
          more,
        ),
      configure: (id: string, config: TrainingConfig, more?: RequestOptions) =>
        send<Training>('PATCH', `/api/training/${part(id)}`, config, more),
    },

    federations: {
      create: (document: FederationInput, more?: RequestOptions) =>
        send<Federation>('POST', '/api/federations', document, more),
      get: (id: string, more?: RequestOptions) =>
        get<Federation>(`/api/federations/${part(id)}`, undefined, more),
      list: (query: PageQuery = {}, more?: RequestOptions) =>
        page<Federation>('/api/federations', 'federations', query, more),
      run: (id: string, more?: RequestOptions) =>
        get<Run>(`/api/federations/${part(id)}/run`, undefined, more),
      settings: (id: string, more?: RequestOptions) =>
        get<FederationSettings>(`/api/federations/${part(id)}/settings`, undefined, more),
      configure: (
        id: string,
        change: Partial<Pick<FederationSettings, 'admission' | 'control'>>,
        more?: RequestOptions,
      ) => send<FederationSettings>('PATCH', `/api/federations/${part(id)}/settings`, change, more),
      invite: (
        id: string,
        invitation: {
          readonly label: string;
          readonly maxUses?: number;
          readonly expiresAtMs: number;
          readonly department?: string;
        },
        more?: RequestOptions,
      ) =>
        send<{ readonly invitation: Invitation; readonly token: string }>(
          'POST',
          `/api/federations/${part(id)}/invitations`,
          invitation,
          more,
        ),
    },

    versions: {
      /** `next` of a page is the `from` of the next one. */
      list: (
        run: string,
        query: { readonly from?: number; readonly limit?: number } = {},
        more?: RequestOptions,
      ) => page<Version>(`/api/runs/${part(run)}/versions`, 'versions', query, more),
      checksum: (run: string, version: number, more?: RequestOptions) =>
        get<Checksum>(`/api/runs/${part(run)}/versions/${version}/checksum`, undefined, more),
      promote: (run: string, version: number, hash: string, more?: RequestOptions) =>
        send<Promotion>('POST', `/api/runs/${part(run)}/versions/${version}/promote`, { hash }, more),
      rollBack: (run: string, to: number, hash: string, more?: RequestOptions) =>
        send<{ readonly run: string; readonly to: number; readonly hash: string }>(
          'POST',
          `/api/runs/${part(run)}/rollback`,
          { to, hash },
          more,
        ),
    },

    budgets: {
      get: (kind: SubjectKind, id: string, more?: RequestOptions) =>
        get<PrivacyBudget>(`/api/privacy/budgets/${kind}/${part(id)}`, undefined, more),
      list: (query: PageQuery & { readonly kind?: SubjectKind } = {}, more?: RequestOptions) =>
        page<PrivacyBudget>('/api/privacy/budgets', 'budgets', query, more),
      setLimit: (
        kind: SubjectKind,
        id: string,
        limit: { readonly epsilon: number; readonly delta: number; readonly epsilon_per_query?: number },
        more?: RequestOptions,
      ) => send<PrivacyBudget>('PUT', `/api/privacy/budgets/${kind}/${part(id)}`, limit, more),
    },

    alerts: {
      list: (
        query: PageQuery & {
          readonly federation?: string;
          readonly training?: string;
          readonly severity?: Alert['severity'];
          readonly kind?: AlertKind;
          readonly state?: 'firing' | 'resolved';
        } = {},
        more?: RequestOptions,
      ) => page<Alert>('/api/alerts', 'alerts', query, more),
      acknowledge: (id: string, more?: RequestOptions) =>
        send<Alert>('POST', `/api/alerts/${part(id)}/acknowledge`, {}, more),
    },

    keys: {
      /** The secret is shown this once. */
      create: (key: NewKey, more?: RequestOptions) =>
        send<{ readonly key: AccessKey; readonly secret: string }>('POST', '/api/keys', key, more),
      list: (query: PageQuery = {}, more?: RequestOptions) =>
        page<AccessKey>('/api/keys', 'keys', query, more),
      revoke: (id: string, more?: RequestOptions) =>
        send<AccessKey>('DELETE', `/api/keys/${part(id)}`, undefined, more),
    },

    audit: {
      list: (
        query: PageQuery & {
          readonly action?: string;
          readonly subject?: string;
          readonly actor?: string;
          readonly from?: number;
          readonly to?: number;
        } = {},
        more?: RequestOptions,
      ) => page<AuditEntry>('/api/audit', 'entries', query, more),
    },

    system: {
      drain: (more?: RequestOptions) => send<DrainState>('POST', '/api/system/drain', {}, more),
      undrain: (more?: RequestOptions) => send<DrainState>('DELETE', '/api/system/drain', undefined, more),
      drainState: (more?: RequestOptions) => get<DrainState>('/api/system/drain', undefined, more),
    },

    /** What happens, as it happens. @throws `argument.invalid` without what it takes. */
    get live(): LiveClient {
      const { WebSocket, random, baseUrl, token } = options;
      check(
        WebSocket !== undefined && random !== undefined && baseUrl !== '',
        'argument.invalid',
        'This client was made for requests only.',
        {
          path: 'createClient',
          expected: 'WebSocket, random and an absolute baseUrl',
        },
      );
      live ??= createLiveClient({
        baseUrl,
        WebSocket,
        random,
        clock,
        ...(token === undefined ? {} : { token }),
      });
      return live;
    },

    /** Ends what `live` holds open. */
    close: (): void => live?.close(),
  };
}

/** Everything from page to page. */
export async function* everything<T>(
  list: (query: PageQuery) => Promise<Page<T>>,
  limit?: number,
): AsyncGenerator<T, void, undefined> {
  let after: string | undefined;
  do {
    const { items, next } = await list({ after, limit });
    yield* items;
    after = next ?? undefined;
  } while (after !== undefined);
}

function part(id: string): string {
  return encodeURIComponent(id);
}
