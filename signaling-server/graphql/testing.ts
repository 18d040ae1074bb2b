import { Hono } from 'hono';
import { MurmurationError } from '../../shared/errors/index.ts';
import { type Federation, parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import { createAuthorize } from '../access/authority.ts';
import { type Authenticate, createGuard, type Refusal } from '../access/guard.ts';
import { SCOPES_OF_ROLE } from '../access/permission.ts';
import type { Principal } from '../access/principal.ts';
import { createEvents, type ServerEvents } from '../events.ts';
import { problemResponse } from '../http/problem.ts';
import type { StartTraining, Training, TrainingService } from '../jobs/training.ts';
import { silentLog } from '../testing/silent-log.ts';
import { attachGraphql } from './attach-graphql.ts';
import type { GraphqlServices } from './context.ts';

/** The door over services that remember what they are asked. */
export interface GraphqlWorld {
  readonly app: Hono;
  readonly events: ServerEvents & { readonly listeners: number };
  readonly started: { readonly order: StartTraining; readonly key: string | undefined }[];
  readonly trainings: Map<string, Training>;
  readonly federations: Map<string, Federation>;
  readonly refusals: Refusal[];
  /** Roles whose credential is good for nothing any more. */
  readonly revoked: Set<string | undefined>;
  /** As JSON. @param who a role, `member`, or nothing. */
  ask(query: string, variables?: object, who?: string, headers?: Record<string, string>): Promise<Answer>;
  post(body: string, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: Readonly<Record<string, unknown>>;
  }[];
}

export const digits = parseFederation(sampleFederations.find(({ id }) => id === 'digits')!);
export const closed = parseFederation({ ...digits, id: 'clinics', name: 'Clinics' });
const WRITES = 5;

export function trainingOf(changes: Partial<Training> = {}): Training {
  return {
    id: 't1',
    jobName: 'job',
    federation: 'digits',
    run: 'r1',
    status: 'RUNNING',
    config: {},
    clients: [],
    round: 3,
    accuracy: 0.9,
    loss: null,
    reason: null,
    revision: 1,
    createdBy: 'key:1',
    createdAtMs: 1,
    updatedAtMs: 2,
    startedAtMs: 1,
    endedAtMs: null,
    ...changes,
  };
}

export function graphqlWorld(options: { readonly introspection?: boolean } = {}): GraphqlWorld {
  const plain = createEvents(silentLog);
  let listeners = 0;
  const events = {
    emit: plain.emit,
    subscribe(listener: Parameters<ServerEvents['subscribe']>[0]) {
      listeners++;
      const end = plain.subscribe(listener);
      return () => {
        listeners--;
        end();
      };
    },
    get listeners() {
      return listeners;
    },
  };
  const trainings = new Map([['t1', trainingOf()]]);
  const federations = new Map([digits, closed].map((each) => [each.id, each]));
  const started: GraphqlWorld['started'][number][] = [];
  const refusals: Refusal[] = [];

  const find = async (id: string): Promise<Training> => {
    const found = trainings.get(id);
    if (found === undefined) throw new MurmurationError('http.not-found', 'There is no such training.');
    return found;
  };
  const become = (status: Training['status']) => async (_: unknown, id: string) => {
    trainings.set(id, { ...(await find(id)), status });
    return find(id);
  };
  const services = {
    trainings: {
      async start(_, order, key, madeOf) {
        await madeOf?.prepare();
        started.push({ order, key });
        const training = trainingOf({
          id: 't2',
          federation: order.federation,
          jobName: order.jobName!,
          status: 'CREATED',
        });
        trainings.set(training.id, training);
        return training;
      },
      get: (_, id) => find(id),
      list: async () => ({ items: [...trainings.values()], next: 't1' }),
      pause: become('PAUSED'),
      resume: become('RUNNING'),
      stop: become('STOPPING'),
      async configure(_, id, config) {
        trainings.set(id, { ...(await find(id)), config });
        return find(id);
      },
    } satisfies Partial<TrainingService>,
    budgets: {
      budgetOf: async (subject: object) => ({
        format: 'murmuration/server-privacy-budget',
        subject,
        epsilon: 1.5,
      }),
    },
    federations: {
      async get(_: unknown, id: string) {
        const found = federations.get(id);
        if (found === undefined)
          throw new MurmurationError('federation.unknown', 'There is no such federation.');
        return found;
      },
      async create(_: unknown, document: unknown) {
        const federation = parseFederation(document);
        federations.set(federation.id, federation);
        return { federation, outcome: 'created' };
      },
    },
    access: {
      listMembers: async (_: unknown, _federation: string, { after }: { after?: string }) =>
        after === undefined
          ? { items: [{ participant: 'A'.repeat(22), department: 'cardiology' }], next: 'more' }
          : { items: [{ participant: `${'B'.repeat(21)}A`, department: null }], next: null },
    },
    metrics: {
      ofTraining: async () => ({ metrics: [{ round: 1, name: 'accuracy', value: 0.5 }], nextRound: null }),
    },
    audit: { list: async () => ({ items: [], next: null }) },
    alerts: {
      list: async (_: unknown, query: { severity?: string }) => ({
        items: [{ id: 'a1', kind: 'storage', severity: query.severity ?? 'any' }],
        next: null,
      }),
    },
    system: {
      async health() {
        throw new Error('SELECT secret FROM patients');
      },
    },
    events,
  };
  const authorize = createAuthorize({
    settingsOf: async (id) => ({ admission: id === 'digits' ? 'open' : 'members', owner: null }),
    isMember: async () => false,
  });
  const revoked = new Set<string | undefined>();
  const authenticate: Authenticate = async ({ bearer }) => {
    if (!revoked.has(bearer)) return principalOf(bearer);
    throw new MurmurationError('access.revoked', 'This key was revoked.');
  };
  const app = new Hono();
  app.onError((error) => problemResponse(error));
  const writes = new Map<string, number>();
  const door = attachGraphql({
    app,
    guard: createGuard({
      authenticate,
      authorize,
      trustProxy: false,
    }),
    authorize,
    authenticate,
    reviewMs: 20,
    services: services as unknown as GraphqlServices,
    repository: { getRun: async () => ({ federation: 'clinics' }) as never },
    async onRefused(refusal) {
      refusals.push(refusal);
    },
    async countWrite({ principal: { name } }) {
      const count = (writes.get(name) ?? 0) + 1;
      writes.set(name, count);
      if (count > WRITES) throw new MurmurationError('wire.rate-limited', 'Too many requests.');
    },
    introspection: options.introspection ?? false,
    log: silentLog,
  });
  const post = async (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    app.request('/graphql', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });

  return {
    app,
    events,
    started,
    trainings,
    federations,
    refusals,
    revoked,
    post,
    async ask(query, variables = {}, who, headers = {}) {
      const authorization = who === undefined ? {} : { authorization: `Bearer ${who}` };
      const response = await post(JSON.stringify({ query, variables }), { ...authorization, ...headers });
      return (await response.json()) as Answer;
    },
    close: () => door.close(),
  };
}

function principalOf(role: string | undefined): Principal {
  const known =
    role === 'participant' || role === 'owner' || role === 'operator' || role === 'auditor'
      ? role
      : undefined;
  return {
    kind: known === undefined ? 'anonymous' : 'api-key',
    name: known === undefined ? 'anonymous' : `key:${known}`,
    role: known,
    scopes: new Set(known === undefined ? [] : SCOPES_OF_ROLE[known]),
    // Owners of one federation, participants of the same.
    federation: known === 'owner' || known === 'participant' ? 'clinics' : undefined,
    participant: undefined,
    user: undefined,
    department: undefined,
    expiresAtMs: undefined,
  };
}
