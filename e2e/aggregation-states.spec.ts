import { defineFederation } from './harness/api.ts';
import { quickFederation } from './harness/federations.ts';
import { expectOneModel, hasFinished, ROUNDS_MS } from './harness/one-model.ts';
import { apiOf, firstKeyOf } from './harness/operator.ts';
import { expect, test } from './harness/test.ts';

const EXAMPLES = 100;

test('each trains at its own pace, is told so, and makes the model its own by Ditto', async ({
  server,
  join,
}) => {
  await defineFederation(
    server.url,
    quickFederation('paced', {
      strategy: { type: 'fedbuff', weighting: 'uniform' },
      cohort: { minParticipants: 2 },
      rounds: { maximum: 3 },
      paths: ['server'],
    }),
  );
  const peers = await Promise.all(
    [0, 1].map((shard) => join({ federation: 'paced', shard, examples: EXAMPLES })),
  );
  await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  await expectOneModel(server.url, peers, 3);
  const [{ page }] = peers as [(typeof peers)[0]];
  await expect(page.getByTestId('strategy')).toHaveText('FedBuff');
  await expect(page.locator('mm-app')).toContainText('Everyone trains at its own pace');

  await page.goto(`${server.url}/model/paced`);
  await page.getByTestId('personal-ditto').check();
  await page.getByTestId('personalize-start').click();
  const result = page.getByTestId('personal-result');
  await expect(result).toContainText('Ditto, λ = ', { timeout: ROUNDS_MS });
  await expect(result).toContainText('from version 3');
});

test('a model that got worse goes back, and a device that is blocked is told why, while the others go on', async ({
  server,
  join,
}) => {
  await defineFederation(
    server.url,
    quickFederation('swinging', {
      // Steps so long that some version is soon worse than the one before.
      training: { optimizer: { type: 'sgd', learningRate: 1 }, batchSize: 20, epochs: 1 },
      strategy: { type: 'fedavg', weighting: 'uniform', rollback: { afterRounds: 1, threshold: 0 } },
      cohort: { minParticipants: 2 },
      rounds: { maximum: 1000 },
      paths: ['server'],
      evaluation: 'server',
    }),
  );
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => join({ federation: 'swinging', shard, examples: EXAMPLES })),
  );
  const [first, second] = peers as [(typeof peers)[0], (typeof peers)[0]];
  const { self, records } = await first.until(
    ({ records }) => records.some(({ rollback }) => rollback !== undefined),
    ROUNDS_MS,
  );
  const back = records.find(({ rollback }) => rollback !== undefined)!;
  expect(back.survivors).toEqual([]);
  expect(back.hash).toBe(records.findLast(({ round }) => round === back.rollback!.to)!.hash);
  await expect(first.page.getByTestId('went-back')).toHaveText(
    /^Version \d+: the model had got worse\. Went back to version \d+\.$/,
  );

  const operator = apiOf(server.url, await firstKeyOf(server));
  const reason = 'Its labels are of another ward';
  expect((await operator.send('POST', `/api/participants/${self}/block`, { reason })).status).toBe(200);
  const refusal = first.page.getByTestId('refusal');
  await expect(refusal).toHaveAttribute('data-code', 'participant.blocked', { timeout: ROUNDS_MS });
  await expect(refusal).toContainText('The operator of this server blocked this device.');
  await expect(refusal).toContainText(reason);
  const { records: before } = (await second.snapshot())!;
  const isLater = (round: number) => round > before.at(-1)!.round + 1;
  const { records: after } = await second.until(
    ({ records }) => records.some(({ round, survivors }) => isLater(round) && survivors.length > 0),
    ROUNDS_MS,
  );
  for (const { round, survivors } of after) if (isLater(round)) expect(survivors).not.toContain(self);
});
