import { type Client, createClient, type LiveListener, type Topic } from '../../../shared/client/index.ts';
import { createRequester, type FetchPort, type RequestOptions } from '../../../shared/client/request.ts';
import type {
  AccessKey,
  Alert,
  AlertKind,
  DrainState,
  Invitation,
  NewKey,
  Page,
  PageQuery,
  PrivacyBudget,
  Role,
  SubjectKind,
  Training,
} from '../../../shared/client/types.ts';
import type { CryptoRandom } from '../../../shared/random/index.ts';
import { systemClock } from '../../../shared/transport/clock.ts';
import type { SocketLike } from '../../../shared/transport/hub-client.ts';
import type { VersionComparison } from '../app/services.ts';

/** What the operator's pages ask of the server beyond what the typed client has. Times in milliseconds since the Unix epoch. */

/** Who asks, as the server knows it. */
export interface Me {
  readonly kind: string;
  readonly name: string;
  readonly role: Role | null;
  readonly scopes: readonly string[];
  readonly federation: string | null;
  readonly participant: string | null;
  readonly user: string | null;
  readonly department: string | null;
  readonly expiresAtMs: number | null;
}

export interface Standing {
  readonly state: 'blocked' | 'quarantined';
  readonly untilMs: number | null;
  readonly cause: string | null;
}

export interface Reliability {
  readonly participant: string;
  readonly invitations: number;
  readonly trained: number;
  readonly survived: number;
  readonly missedDeadlines: number;
  readonly dropOuts: number;
  readonly rejections: number;
  /** 0 to 1. */
  readonly reputation: number;
  readonly contribution: number | null;
  readonly anomaly: number | null;
  readonly standing: Standing | null;
}

export interface Member {
  readonly federation: string;
  readonly participant: string;
  readonly via: string;
  readonly user: string | null;
  readonly department: string | null;
  readonly joinedAtMs: number;
  readonly lastSeenAtMs: number;
}

export interface RunPrivacy {
  readonly run: string;
  readonly federation: string;
  readonly privacyBudget: PrivacyBudget;
  readonly participants: readonly {
    readonly participant: string;
    readonly releases: number;
    readonly epsilon: number | null;
    readonly spent: number | null;
    readonly remaining: number | null;
  }[];
}

export interface Silence {
  readonly id: string;
  readonly kind: AlertKind | null;
  readonly federation: string | null;
  readonly untilMs: number;
  readonly reason: string;
  readonly createdBy: string;
}

export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly kinds: readonly AlertKind[];
  readonly createdAtMs: number;
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly entries: number;
  readonly checkpoints: number;
  readonly broken: { readonly seq: number; readonly why: string } | null;
  /** Numbers of entries of what was begun, and nothing says what came of it. */
  readonly unfinished: readonly number[];
}

export interface Erasure {
  readonly id: string;
  readonly requestedAtMs: number;
  readonly completedAtMs: number | null;
}

export interface Incident {
  readonly id: string;
  readonly openedAtMs: number;
  readonly closedAtMs: number | null;
  readonly openedBy: string;
  readonly reason: string;
  readonly report: Readonly<Record<string, unknown>>;
}

export interface StoppedAll {
  readonly trainings: readonly Training[];
  readonly federations: readonly string[];
  readonly incident: string | null;
}

/** As the server wants it typed. */
export const STOP_ALL = 'stop all rounds';

export interface OperatorApiOptions {
  readonly baseUrl: string;
  readonly token: () => string | undefined;
  readonly fetch: FetchPort;
  readonly WebSocket: new (url: string) => SocketLike;
  readonly random: CryptoRandom;
}

export type OperatorApi = ReturnType<typeof createOperatorApi>;

/** Told besides when the connection breaks; it is opened again by itself. */
export interface WatchListener extends LiveListener {
  onBroken(): void;
}

export function createOperatorApi(options: OperatorApiOptions) {
  const watchers = new Set<WatchListener>();
  class WatchedSocket extends (options.WebSocket as new (url: string) => SocketLike) {
    constructor(url: string) {
      super(url);
      this.addEventListener('close', () => {
        for (const each of [...watchers]) each.onBroken();
      });
    }
  }
  const client: Client = createClient({ ...options, WebSocket: WatchedSocket });
  const request = createRequester({ ...options, clock: systemClock });

  const get = <T>(path: string, query?: object, more?: RequestOptions) =>
    request<T>({
      method: 'GET',
      path,
      query: query as Readonly<Record<string, string | number | undefined>>,
      ...more,
    });
  const send = <T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown) =>
    request<T>({ method, path, body });
  async function page<T>(path: string, name: string, query: object, more?: RequestOptions): Promise<Page<T>> {
    const answer = await get<Record<string, unknown>>(path, query, more);
    return { items: answer[name] as readonly T[], next: answer.next as string | null };
  }

  const { trainings, federations, versions, budgets, alerts, keys, audit, system, close } = client;
  return {
    trainings,
    federations,
    versions,
    budgets,
    alerts,
    keys,
    audit,
    system,
    close,

    /** @returns what ends it. */
    watchLive(topic: Topic, listener: WatchListener): () => void {
      watchers.add(listener);
      const end = client.live.subscribe(topic, listener);
      return () => {
        watchers.delete(listener);
        end();
      };
    },

    me: (more?: RequestOptions) => get<Me>('/api/me', undefined, more),

    participants: {
      board: async (run: string, more?: RequestOptions) =>
        (
          await get<{ participants: readonly Reliability[] }>(
            `/api/runs/${part(run)}/reliability`,
            undefined,
            more,
          )
        ).participants,
      block: (id: string, reason: string) =>
        send<unknown>('POST', `/api/participants/${part(id)}/block`, { reason }),
      unblock: (id: string) => send<unknown>('POST', `/api/participants/${part(id)}/unblock`, {}),
      release: (id: string) => send<unknown>('POST', `/api/participants/${part(id)}/release`, {}),
    },

    members: {
      list: (federation: string, query: PageQuery, more?: RequestOptions) =>
        page<Member>(`/api/federations/${part(federation)}/members`, 'members', query, more),
      remove: (federation: string, participant: string) =>
        send<void>('DELETE', `/api/federations/${part(federation)}/members/${part(participant)}`),
    },

    invitations: {
      list: (federation: string, query: PageQuery, more?: RequestOptions) =>
        page<Invitation>(`/api/federations/${part(federation)}/invitations`, 'invitations', query, more),
      revoke: (federation: string, id: string) =>
        send<Invitation>('DELETE', `/api/federations/${part(federation)}/invitations/${part(id)}`),
    },

    runPrivacy: (run: string, more?: RequestOptions) =>
      get<RunPrivacy>(`/api/runs/${part(run)}/privacy`, undefined, more),

    compare: (run: string, from: number, to: number, more?: RequestOptions) =>
      get<VersionComparison>(`/api/runs/${part(run)}/versions/compare`, { from, to }, more),
    promoted: (federation: string, more?: RequestOptions) =>
      get<{ readonly version: number; readonly hash: string; readonly atMs: number }>(
        `/api/federations/${part(federation)}/promoted`,
        undefined,
        more,
      ),

    silences: {
      list: async (more?: RequestOptions) =>
        (await get<{ silences: readonly Silence[] }>('/api/alerts/silences', undefined, more)).silences,
      add: (silence: {
        readonly kind: AlertKind | null;
        readonly federation: string | null;
        readonly untilMs: number;
        readonly reason: string;
      }) => send<Silence>('POST', '/api/alerts/silences', silence),
      end: (id: string) => send<void>('DELETE', `/api/alerts/silences/${part(id)}`),
    },

    webhooks: {
      list: async (more?: RequestOptions) =>
        (await get<{ webhooks: readonly Webhook[] }>('/api/alerts/webhooks', undefined, more)).webhooks,
      add: (webhook: { readonly url: string; readonly kinds: readonly AlertKind[] }) =>
        send<Webhook & { readonly secret: string }>('POST', '/api/alerts/webhooks', webhook),
      remove: (id: string) => send<void>('DELETE', `/api/alerts/webhooks/${part(id)}`),
    },

    certificates: {
      /** @param key.fingerprint SHA-256 of its DER form, in hexadecimal. */
      register: (key: NewKey & { readonly fingerprint: string }) =>
        send<AccessKey>('POST', '/api/certificates', key),
    },

    verifyAudit: (more?: RequestOptions) => get<AuditVerdict>('/api/audit/verify', undefined, more),

    rights: {
      export: (id: string) => get<unknown>(`/api/participants/${part(id)}/export`),
      erase: (id: string, rollBack: boolean) =>
        send<Readonly<Record<string, unknown>>>('DELETE', `/api/participants/${part(id)}`, { rollBack }),
      erasures: async (more?: RequestOptions) =>
        (await get<{ erasures: readonly Erasure[] }>('/api/erasures', undefined, more)).erasures,
      processing: () => get<unknown>('/api/records-of-processing'),
    },

    incidents: {
      list: async (more?: RequestOptions) =>
        (await page<Incident>('/api/incidents', 'incidents', {}, more)).items,
      stopAll: (reason: string) =>
        send<StoppedAll>('POST', '/api/system/stop-all', { confirm: STOP_ALL, reason }),
      resume: () => send<DrainState>('POST', '/api/system/resume', {}),
    },
  };
}

function part(text: string): string {
  return encodeURIComponent(text);
}

export type {
  AccessKey,
  Alert,
  AlertKind,
  DrainState,
  Invitation,
  Page,
  PageQuery,
  PrivacyBudget,
  Role,
  SubjectKind,
  Training,
};
