import type { Answer, Api } from './operator.ts';

/** What a door tells of a training. */
export interface Job {
  readonly id: string;
  readonly run: string;
  readonly status: string;
  readonly reason: string | null;
  readonly round: number;
}

export interface MetricRow {
  readonly round: number;
  readonly name: string;
  readonly value: number;
}

export interface VersionRow {
  readonly version: number;
  readonly hash: string;
  /** Null where the file of the version is not kept. */
  readonly bytes: number | null;
}

export interface StartOrder {
  readonly federation: string;
  readonly jobName: string;
  readonly maxRounds: number;
}

/** One way to do all that an operator does to a training; refusals are thrown as {@link Refused}. */
export interface OperatorDoor {
  start(order: StartOrder, idempotencyKey: string): Promise<Job>;
  get(id: string): Promise<Job>;
  pause(id: string): Promise<Job>;
  resume(id: string): Promise<Job>;
  stop(id: string, reason: string): Promise<Job>;
  /** By round, then by name. */
  metrics(id: string): Promise<readonly MetricRow[]>;
  versions(run: string): Promise<readonly VersionRow[]>;
  promote(run: string, version: number, hash: string): Promise<{ readonly version: number }>;
  rollBack(run: string, to: number, hash: string): Promise<{ readonly to: number }>;
}

/** The server would not. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string, body: unknown) {
    super(`${code}: ${JSON.stringify(body)}`);
    this.code = code;
  }
}

export function restDoor(api: Api): OperatorDoor {
  const good = ({ status, body }: Answer) => {
    if (status >= 400) throw new Refused(body.code, body);
    return body;
  };
  const order = async (id: string, verb: string, body: unknown = {}) =>
    good(await api.send('POST', `/api/training/${id}/${verb}`, body));
  return {
    start: async ({ federation, jobName, maxRounds }, key) =>
      good(
        await api.send(
          'POST',
          '/api/training/start',
          { federation, jobName, config: { maxRounds } },
          { 'idempotency-key': key },
        ),
      ),
    get: async (id) => good(await api.get(`/api/training/${id}/status`)),
    pause: (id) => order(id, 'pause'),
    resume: (id) => order(id, 'resume'),
    stop: (id, reason) => order(id, 'stop', { reason }),
    async metrics(id) {
      const { metrics } = good(await api.get(`/api/training/${id}/metrics`));
      return metrics.map((row: { round_number: number; metric_type: string; value: number }) => ({
        round: row.round_number,
        name: row.metric_type,
        value: row.value,
      }));
    },
    versions: async (run) => good(await api.get(`/api/runs/${run}/versions`)).versions,
    promote: async (run, version, hash) =>
      good(await api.send('POST', `/api/runs/${run}/versions/${version}/promote`, { hash })),
    rollBack: async (run, to, hash) =>
      good(await api.send('POST', `/api/runs/${run}/rollback`, { to, hash })),
  };
}

const JOB = 'id run status reason round';

export function graphqlDoor(api: Api): OperatorDoor {
  const job = async (document: string, variables: object) =>
    Object.values(await graphql(api, document, variables))[0] as Job;
  return {
    start: async ({ federation, jobName, maxRounds }, key) => {
      const document = `mutation Start($jobName: String!, $config: FederatedTrainingConfigInput!, $clients: [FederatedClientInput!]!) {
        startFederatedTrainingJob(jobName: $jobName, config: $config, clients: $clients) { ${JOB} }
      }`;
      const variables = { jobName, config: { federation, rounds: maxRounds }, clients: [] };
      const data = await graphql(api, document, variables, { 'idempotency-key': key });
      return data.startFederatedTrainingJob as Job;
    },
    get: (id) => job(`query ($id: ID!) { getFederatedTrainingJob(id: $id) { ${JOB} } }`, { id }),
    pause: (id) => job(`mutation ($id: ID!) { pauseTraining(id: $id) { ${JOB} } }`, { id }),
    resume: (id) => job(`mutation ($id: ID!) { resumeTraining(id: $id) { ${JOB} } }`, { id }),
    stop: (id, reason) =>
      job(`mutation ($id: ID!, $reason: String) { stopTraining(id: $id, reason: $reason) { ${JOB} } }`, {
        id,
        reason,
      }),
    async metrics(id) {
      const document = `query ($id: ID!) {
        getFederatedTrainingJob(id: $id) { metrics(first: 500) { nodes { round name value } } }
      }`;
      const { getFederatedTrainingJob } = await graphql(api, document, { id });
      return (getFederatedTrainingJob as { metrics: { nodes: MetricRow[] } }).metrics.nodes;
    },
    async versions(run) {
      const document = `query ($run: ID!) { versions(run: $run, first: 500) { nodes { version hash facts } } }`;
      const { versions } = await graphql(api, document, { run });
      const { nodes } = versions as {
        nodes: { version: number; hash: string; facts: { bytes: number | null } }[];
      };
      return nodes.map(({ version, hash, facts }) => ({ version, hash, bytes: facts.bytes }));
    },
    async promote(run, version, hash) {
      const document = `mutation ($run: ID!, $version: Int!, $hash: String!) {
        promote(run: $run, version: $version, hash: $hash)
      }`;
      return (await graphql(api, document, { run, version, hash })).promote as { version: number };
    },
    async rollBack(run, to, hash) {
      const document = `mutation ($run: ID!, $to: Int!, $hash: String!) {
        rollBack(run: $run, to: $to, hash: $hash)
      }`;
      return (await graphql(api, document, { run, to, hash })).rollBack as { to: number };
    },
  };
}

/** @returns `data`. @throws {@link Refused} for the first error. */
export async function graphql(
  api: Api,
  query: string,
  variables: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  const { body } = await api.send('POST', '/graphql', { query, variables }, headers);
  const error = body.errors?.[0];
  if (error !== undefined) throw new Refused(error.extensions?.code ?? 'unnamed', body.errors);
  if (body.data === undefined) throw new Refused(body.code ?? 'unnamed', body);
  return body.data;
}
