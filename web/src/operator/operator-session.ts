import type { FetchPort } from '../../../shared/client/request.ts';
import { type ErrorRecord, toErrorRecord } from '../../../shared/errors/index.ts';
import { webCryptoRandom } from '../../../shared/random/index.ts';
import type { SocketLike } from '../../../shared/transport/hub-client.ts';
import type { Services, Unsubscribe } from '../app/services.ts';
import { createOperatorApi, type Me, type OperatorApi } from './operator-api.ts';

export type SignIn =
  /** `because`: why it ended, or could not begin. */
  | { readonly status: 'out'; readonly because: ErrorRecord | undefined }
  | { readonly status: 'checking' }
  | { readonly status: 'in'; readonly me: Me };

const KEY = 'murmuration.operator';
/** Longest that a timer of a browser waits. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** With these the server says that the credential is no longer good, whatever was asked for. */
const ENDED: ReadonlySet<string> = new Set(['http.unauthorized', 'access.expired', 'access.revoked']);

export interface SessionPorts {
  readonly origin: string;
  readonly fetch: FetchPort;
  readonly WebSocket: new (url: string) => SocketLike;
  /** Lives as long as the tab. */
  readonly tab: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  readonly onReachable: (reachable: boolean) => void;
  readonly nowMs: () => number;
}

/** Who operates the server from this tab. The credential is in memory; in the tab's storage only where the person asked for it. */
export class OperatorSession {
  state: SignIn = { status: 'out', because: undefined };
  readonly api: OperatorApi;
  readonly #ports: SessionPorts;
  readonly #listeners = new Set<() => void>();
  #credential: string | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;

  constructor(ports: SessionPorts) {
    this.#ports = ports;
    this.api = createOperatorApi({
      baseUrl: ports.origin,
      token: () => this.#credential,
      fetch: (url, init) => this.#fetch(url, init),
      WebSocket: ports.WebSocket,
      random: webCryptoRandom(crypto),
    });
  }

  get me(): Me | undefined {
    return this.state.status === 'in' ? this.state.me : undefined;
  }

  /** Whether it concerns itself with every federation, and with the server as a whole. */
  get reachesAll(): boolean {
    const { me } = this;
    return me?.federation === null && (me.role === 'operator' || me.role === 'auditor');
  }

  may(scope: string): boolean {
    return this.me?.scopes.includes(scope) === true;
  }

  subscribe(listener: () => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Goes on with what the tab remembers, if anything. */
  async restore(): Promise<void> {
    const kept = this.#ports.tab.getItem(KEY);
    if (this.state.status === 'out' && kept !== null) await this.#check(kept);
  }

  /** Resolves when the server has said whose credential it is, or refused it: {@link state} tells. */
  async signIn(credential: string, remember: boolean): Promise<void> {
    this.#ports.tab.removeItem(KEY);
    await this.#check(credential);
    if (remember && this.state.status === 'in') this.#ports.tab.setItem(KEY, credential);
  }

  signOut(): void {
    this.#ports.tab.removeItem(KEY);
    this.#end(undefined);
  }

  /** The server says that the credential is not good any more. */
  ended(error: ErrorRecord): void {
    if (this.state.status !== 'in') return;
    this.#ports.tab.removeItem(KEY);
    this.#end(error);
  }

  async #check(credential: string): Promise<void> {
    this.#credential = credential;
    this.#show({ status: 'checking' });
    try {
      const me = await this.api.me();
      this.#show({ status: 'in', me });
      this.#watchExpiry(me.expiresAtMs);
    } catch (thrown) {
      const because = toErrorRecord(thrown);
      // A server that is away says nothing about what the tab remembers.
      if (ENDED.has(because.code)) this.#ports.tab.removeItem(KEY);
      this.#end(because);
    }
  }

  #watchExpiry(expiresAtMs: number | null): void {
    if (expiresAtMs === null) return;
    const leftMs = Math.min(MAX_TIMER_MS, Math.max(0, expiresAtMs - this.#ports.nowMs()));
    this.#expiry = setTimeout(() => {
      if (this.#ports.nowMs() < expiresAtMs) return this.#watchExpiry(expiresAtMs);
      this.ended({ code: 'access.expired', message: 'This sign-in has expired. Sign in again.' });
    }, leftMs);
  }

  #end(because: ErrorRecord | undefined): void {
    clearTimeout(this.#expiry);
    this.#credential = undefined;
    this.api.close();
    this.#show({ status: 'out', because });
  }

  #show(state: SignIn): void {
    this.state = state;
    for (const listener of [...this.#listeners]) listener();
  }

  async #fetch(url: string, init: Parameters<FetchPort>[1]): ReturnType<FetchPort> {
    const { fetch, onReachable } = this.#ports;
    let response: Awaited<ReturnType<FetchPort>>;
    try {
      response = await fetch(url, init);
    } catch (thrown) {
      if (!init.signal.aborted) onReachable(false);
      throw thrown;
    }
    const { ok, status } = response;
    onReachable(status < 502 || status > 504);
    const text = await response.text();
    if (status === 401) this.#refused(text);
    return { ok, status, text: async () => text };
  }

  #refused(text: string): void {
    const problem = problemIn(text);
    if (problem !== undefined && ENDED.has(problem.code)) this.ended(problem);
  }
}

function problemIn(text: string): ErrorRecord | undefined {
  let problem: { readonly code?: unknown; readonly detail?: unknown };
  try {
    problem = JSON.parse(text) as typeof problem;
  } catch {
    // A proxy's page: whoever asked hears of it by its status.
    return undefined;
  }
  const { code, detail } = problem;
  return typeof code === 'string' && typeof detail === 'string'
    ? { code: code as ErrorRecord['code'], message: detail }
    : undefined;
}

let current: OperatorSession | undefined;

/** The one of this tab: it outlives the pages that show it. */
export function operatorSession({ server }: Pick<Services, 'server'>): OperatorSession {
  current ??= new OperatorSession({
    origin: location.origin,
    fetch: (url, init) => fetch(url, init),
    WebSocket,
    tab: sessionStorage,
    onReachable: (reachable) => server.report(reachable),
    nowMs: () => Date.now(),
  });
  return current;
}
