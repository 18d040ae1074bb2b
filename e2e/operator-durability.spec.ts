import {
  type SimulatedParticipant,
  serverFederation,
  simulateParticipant,
} from '../signaling-server/testing/simulated-participant.ts';
import { roundsOf } from './harness/api.ts';
import { ROUNDS_MS } from './harness/one-model.ts';
import { apiOf, firstKeyOf } from './harness/operator.ts';
import { graphql } from './harness/operator-doors.ts';
import { expect, test } from './harness/test.ts';

interface Job {
  readonly id: string;
  readonly run: string;
  readonly status: string;
  readonly reason: string | null;
  readonly round: number;
  readonly startedAtMs: number;
}
const JOB = 'id run status reason round startedAtMs';

test('J-09: a job goes on without an error after a restart, and after kill -9 in the middle of a round', async ({
  server,
}) => {
  const key = await firstKeyOf(server);
  const operator = apiOf(server.url, key);
  const federation = serverFederation('durable', 10_000);
  expect((await operator.send('POST', '/api/federations', federation)).status).toBe(201);
  await operator.send('PATCH', '/api/federations/durable/settings', { control: 'managed' });
  const started = await graphql(
    operator,
    `mutation { startFederatedTrainingJob(jobName: "durable", config: { federation: "durable", rounds: 10000 }, clients: []) { ${JOB} } }`,
    {},
  );
  const { id, run, startedAtMs } = started.startFederatedTrainingJob as Job;
  const job = async (): Promise<Job> => {
    const document = `query ($id: ID!) { getFederatedTrainingJob(id: $id) { ${JOB} } }`;
    return (await graphql(operator, document, { id })).getFederatedTrainingJob as Job;
  };

  let onTrain = (_round: number): void => undefined;
  const participants: SimulatedParticipant[] = [0, 1].map(() =>
    simulateParticipant({ origin: server.url, federation, run, onTrain: (round) => onTrain(round) }),
  );
  try {
    const reaches = (round: number) =>
      expect.poll(async () => (await job()).round, { timeout: ROUNDS_MS }).toBeGreaterThanOrEqual(round);
    await reaches(2);

    for (const [signal, end] of [
      ['SIGTERM', () => server.terminate()],
      ['SIGKILL', () => server.kill()],
    ] as const) {
      const acknowledged = await roundsOf(server.url, run);
      const underWay = new Promise<number>((resolve) => {
        onTrain = resolve;
      });
      const round = await underWay;
      await end();
      await server.start();

      const resumed = await job();
      expect(resumed, signal).toMatchObject({ status: 'RUNNING', reason: null, startedAtMs });
      await reaches(round + 2);
      const rounds = await roundsOf(server.url, run);
      // Nothing that was acknowledged is lost or another now, and no round is there twice or missing.
      expect(rounds.slice(0, acknowledged.length)).toEqual(acknowledged);
      expect(rounds.map(({ round }) => round)).toEqual(rounds.map((_, index) => index + 1));
      for (const [index, { baseHash }] of rounds.entries())
        if (index > 0) expect(baseHash).toBe(rounds[index - 1]!.hash);
    }

    // The key of a first start is not made again, and still good.
    expect(await firstKeyOf(server)).toBe(key);
    const { round } = await job();
    const change = `mutation ($id: ID!, $rounds: Int!) { configureTraining(id: $id, config: { rounds: $rounds }) { status } }`;
    await graphql(operator, change, { id, rounds: round + 3 });
    await expect.poll(async () => (await job()).status, { timeout: ROUNDS_MS }).toBe('SUCCEEDED');
    expect(await job()).toMatchObject({ reason: 'maximum-rounds', startedAtMs });
    expect((await operator.get('/api/alerts?severity=critical')).body.alerts).toEqual([]);
    expect((await operator.get('/api/audit/verify')).body).toMatchObject({ ok: true });
  } finally {
    for (const participant of participants) await participant.close();
  }
});
