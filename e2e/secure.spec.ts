import type { Browser, BrowserContext } from '@playwright/test';
import type { Message, MessageOf, MessageType, RoundRecord } from '../shared/wire/index.ts';
import type { SecureStage } from '../web/src/session/secure-view.ts';
import { defineFederation, roundsOf } from './harness/api.ts';
import { recordDataChannels, sentDirectly } from './harness/data-channels.ts';
import { quickFederation, secureFederation } from './harness/federations.ts';
import { expectOneModel, hasFinished, hasModel, ROUNDS_MS } from './harness/one-model.ts';
import { type BrowserParticipant, openParticipant, type ParticipantOptions } from './harness/participant.ts';
import { recordTabs } from './harness/recorder.ts';
import { type ServerProcess, startServerProcess } from './harness/server-process.ts';
import { type Direction, startTap, type Tap, type Tapped } from './harness/tap.ts';
import { attachOnFailure, expect, test } from './harness/test.ts';

// One server for all: every test has a federation of its own.
let server: ServerProcess;
let tap: Tap;
let opened: BrowserParticipant[] = [];
/** Everything that went between the server and the test's participants. */
let heard: Tapped[] = [];

test.beforeAll(async () => {
  server = await startServerProcess();
  tap = await startTap(server.url);
  tap.subscribe((tapped) => heard.push(tapped));
});

test.afterEach(async ({ browserName: _ }, info) => {
  await attachOnFailure(info, server, opened);
  await Promise.all(opened.map((peer) => peer.close()));
  opened = [];
  heard = [];
});

test.afterAll(async () => {
  await tap.close();
  await server.stop();
});

async function open(
  browser: Browser,
  federation: string,
  shard: number,
  options: Partial<ParticipantOptions> = {},
): Promise<BrowserParticipant> {
  const prepare = async (context: BrowserContext): Promise<void> => {
    await recordTabs(context);
    await options.prepare?.(context);
  };
  const peer = await openParticipant(browser, tap.url, {
    federation,
    shard,
    examples: 100,
    ...options,
    prepare,
  });
  opened.push(peer);
  return peer;
}

/** Of n = 3, 4, 5, 6 participants ⌈2n/3⌉ take the masks off. */
const THRESHOLDS: Record<number, number> = { 3: 2, 4: 3, 5: 4, 6: 4 };

function expectSecured(records: readonly RoundRecord[]): void {
  for (const { survivors, dropped, secure } of records) {
    const invited = survivors.length + dropped.length;
    expect(secure?.threshold).toBe(THRESHOLDS[invited]);
    expect(secure!.confirmations).toBeGreaterThanOrEqual(secure!.threshold);
    expect(secure!.confirmations).toBeLessThanOrEqual(survivors.length);
  }
}

// ---- what leaves a device ------------------------------------------------------------------------------------------

/**
 * No pixel in a corner of a digit is ever anything but 0, so that the weights of the first 12 pixels to all 16 units never
 * change: the first 192 integers of a plain update are 0. Nowhere in random bytes are 16 zeros in a row: of a million such
 * places, one in 10^32.
 */
const ZEROS = 16;

function longestRunOfZeros(bytes: Uint8Array): number {
  let longest = 0;
  let run = 0;
  for (const byte of bytes) {
    run = byte === 0 ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** Pearson's χ² of the 256 byte values against the uniform distribution: 255 ± 23 for random bytes. */
function chiSquared(bytes: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]!++;
  const expected = bytes.length / 256;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

function slicesOf(messages: readonly Message[]): MessageOf<'slice'>[] {
  return messages.filter((message): message is MessageOf<'slice'> => message.type === 'slice');
}

/** Sums and models are the sum of all; nothing else may look like an update. */
function expectMasked(messages: readonly Message[]): void {
  for (const { values } of slicesOf(messages)) {
    expect(longestRunOfZeros(values)).toBeLessThan(ZEROS);
    // Ten standard deviations: random bytes do that once in 10^15 slices.
    expect(chiSquared(values)).toBeLessThan(480);
  }
  for (const message of messages) {
    if (message.type === 'sum' || message.type === 'model') continue;
    for (const bytes of bytesIn(message)) expect(longestRunOfZeros(bytes), message.type).toBeLessThan(ZEROS);
  }
}

function bytesIn(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(bytesIn) : [];
}

test('what is looked for is there: without secure aggregation an update can be read on its way', async ({
  browser,
}) => {
  await defineFederation(server.url, quickFederation('plain', { rounds: { maximum: 1 }, paths: ['direct'] }));
  const peers = await Promise.all(
    [0, 1].map((shard) => open(browser, 'plain', shard, { prepare: recordDataChannels })),
  );
  await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  const sent = (await Promise.all(peers.map(({ page }) => sentDirectly(page)))).flatMap(slicesOf);
  expect(sent.map(({ slice }) => slice).sort()).toEqual([0, 1]);
  for (const { slice, values } of sent) {
    if (slice === 0) expect(longestRunOfZeros(values)).toBeGreaterThanOrEqual(192 * 4);
    expect(chiSquared(values)).toBeGreaterThan(10_000);
  }
});

test('four participants train one model, and no message shows what any of them adds to it', async ({
  browser,
}) => {
  await defineFederation(
    server.url,
    secureFederation('masked', {
      cohort: { minParticipants: 4 },
      rounds: { maximum: 2 },
      paths: ['direct'],
      evaluation: 'sample',
    }),
  );
  const peers = await Promise.all(
    [0, 1, 2, 3].map((shard) => open(browser, 'masked', shard, { prepare: recordDataChannels })),
  );
  const ends = await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  await expectOneModel(server.url, peers, 2);
  const rounds = await roundsOf(server.url, ends[0]!.run!);
  expect(rounds.map(({ round }) => round)).toEqual([1, 2]);
  expectSecured(rounds);
  for (const { records } of ends) expectSecured(records);

  for (const { page } of peers) {
    const messages = await sentDirectly(page);
    // Two rounds: a slice to each of three owners, its own to its deputy.
    expect(slicesOf(messages)).toHaveLength(2 * 4);
    expectMasked(messages);
  }
  const toServer = heard.flatMap(({ direction, message }) => (direction === 'to-server' ? [message] : []));
  const said = new Set(toServer.map(({ type }) => type));
  expect([...said]).toEqual(expect.arrayContaining(['keys', 'shares', 'confirm'] satisfies MessageType[]));
  expect(slicesOf(toServer)).toEqual([]);
  expectMasked(toServer);
});

// ---- other ways ----------------------------------------------------------------------------------------------------

/** Signed coordinates of 12 bits, of which a sum has up to 16, take a ring of 16 bits; of 20 bits, one of 24. SPEC A-10. */
const strategy = (quantizationBits: number) => ({ type: 'fedavg' as const, quantizationBits });

test('the server adds up what it cannot read', async ({ browser }) => {
  await defineFederation(
    server.url,
    secureFederation('by-server', { paths: ['server'], rounds: { maximum: 2 }, strategy: strategy(12) }),
  );
  const peers = await Promise.all([0, 1, 2].map((shard) => open(browser, 'by-server', shard)));
  const ends = await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  for (const { peers: connected } of ends)
    expect(connected.map(({ id, path }) => [id, path])).toEqual([['server', 'server']]);
  await expectOneModel(server.url, peers, 2);
  expectSecured(await roundsOf(server.url, ends[0]!.run!));

  const toServer = heard.filter(({ direction }) => direction === 'to-server');
  const slices = toServer.filter(({ message }) => message.type === 'slice');
  for (const { self } of ends)
    expect(slices.filter(({ participant }) => participant === self)).toHaveLength(2);
  const messages = toServer.map(({ message }) => message);
  // 12,730 coordinates and 32 check words, two bytes each.
  for (const { values } of slicesOf(messages)) expect(values).toHaveLength((12_730 + 32) * 2);
  expectMasked(messages);
});

test('participants that may only be relayed aggregate securely too', async ({ browser }) => {
  await defineFederation(
    server.url,
    secureFederation('relayed', { rounds: { maximum: 2 }, strategy: strategy(20) }),
  );
  const peers = await Promise.all(
    [0, 1, 2].map((shard) => open(browser, 'relayed', shard, { paths: ['relay'] })),
  );
  const ends = await Promise.all(peers.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  for (const { peers: connected } of ends)
    expect(connected.filter(({ id }) => id !== 'server').map(({ path }) => path)).toEqual(['relay', 'relay']);
  await expectOneModel(server.url, peers, 2);
  expectSecured(await roundsOf(server.url, ends[0]!.run!));
});

test('two participants wait for a third, are told so, and nothing begins before it is there', async ({
  browser,
}) => {
  const cohorts = () =>
    heard.flatMap(({ message }) => (message.type === 'invite' ? [message.plan.cohort.length] : []));
  await defineFederation(server.url, secureFederation('too-few', { rounds: { maximum: 1 } }));
  const two = await Promise.all([0, 1].map((shard) => open(browser, 'too-few', shard)));
  for (const peer of two) {
    const { phase } = await peer.until(
      ({ phase }) => phase.name === 'waiting' && phase.participants === 2,
      ROUNDS_MS,
    );
    expect(phase).toEqual({ name: 'waiting', participants: 2, needed: 3 });
    await expect(
      peer.page.getByText('2 participants here; a round starts with 3.', { exact: true }),
    ).toBeVisible();
  }
  expect(cohorts()).toEqual([]);

  const all = [...two, await open(browser, 'too-few', 2)];
  const ends = await Promise.all(all.map((peer) => peer.until(hasFinished, ROUNDS_MS)));
  expect(new Set(cohorts())).toEqual(new Set([3]));
  const [record, ...others] = await roundsOf(server.url, ends[0]!.run!);
  expect(others).toEqual([]);
  expect(record!.survivors).toHaveLength(3);
});

// ---- six participants, some of whom leave --------------------------------------------------------------------------

/** Keys may take three seconds, and shares three more: whoever is silent is not waited for long. SPEC C-40. */
const deadlines = { trainMs: 3000, exchangeMs: 4000, applyMs: 9000 };

interface Phase {
  readonly name: string;
  /** What the leavers' pages show as they close: one of these. */
  readonly stages: readonly SecureStage[];
  /** What is on its way then and does not get there: from everyone, or to those who stay. */
  readonly held: readonly [Direction, 'keys' | 'shares' | 'uploaded' | 'confirm' | 'confirmed' | 'applied'];
  /**
   * `without`: the round goes on without the leavers. `with`: their updates are in its sum. `again`: nobody else holds
   * what they owned, and the round is tried again.
   */
  readonly outcome: 'without' | 'with' | 'again';
}

const PHASES: readonly Phase[] = [
  { name: 'keys are exchanged', stages: ['keys'], held: ['to-server', 'keys'], outcome: 'without' },
  {
    name: 'shares are dealt',
    stages: ['shares', 'waiting'],
    held: ['to-server', 'shares'],
    outcome: 'without',
  },
  {
    name: 'masked slices are sent',
    stages: ['sending'],
    held: ['to-server', 'uploaded'],
    outcome: 'without',
  },
  {
    name: 'survivors are confirmed',
    stages: ['confirming'],
    held: ['to-server', 'confirm'],
    outcome: 'again',
  },
  { name: 'masks come off', stages: ['revealing'], held: ['from-server', 'confirmed'], outcome: 'again' },
  { name: 'sums are checked', stages: ['checking'], held: ['to-server', 'applied'], outcome: 'with' },
];

test.describe('of six participants', () => {
  const SIX = [0, 1, 2, 3, 4, 5];
  let peers: BrowserParticipant[] = [];

  test.beforeAll(async ({ browser }) => {
    await defineFederation(
      server.url,
      secureFederation('six', {
        cohort: { minParticipants: 3, groupSize: 6 },
        rounds: { maximum: 10_000 },
        deadlines,
      }),
    );
    peers = await Promise.all(
      SIX.map((shard) =>
        openParticipant(browser, tap.url, { federation: 'six', shard, examples: 40, prepare: recordTabs }),
      ),
    );
  });

  test.afterEach(async ({ browserName: _ }, info) => attachOnFailure(info, undefined, peers));

  test.afterAll(async () => {
    await Promise.all(peers.map((peer) => peer.close()));
  });

  /** Opens the tabs that an earlier test closed, and waits for a round with everyone. */
  async function gather(): Promise<void> {
    await Promise.all(peers.filter(({ page }) => page.isClosed()).map((peer) => peer.reopen()));
    await Promise.all(peers.map((peer) => peer.until(({ secure }) => secure?.members === 6, ROUNDS_MS)));
  }

  const idOf = async (peer: BrowserParticipant) => (await peer.snapshot())!.self!;

  for (const { name, stages, held, outcome } of PHASES) {
    test(`two leave while ${name}: the others finish the round`, async () => {
      await gather();
      const [leavers, stayers] = [peers.slice(0, 2), peers.slice(2)];
      const left = await Promise.all(leavers.map(idOf));
      const stayed = await Promise.all(stayers.map(idOf));

      const [direction, type] = held;
      const hold = tap.hold(direction, type, direction === 'to-server' ? [...left, ...stayed] : stayed);
      const { attempt } = await hold.reached;
      const { round } = attempt;
      for (const leaver of leavers)
        await leaver.until(
          ({ secure }) => secure?.round === round && stages.includes(secure.stage),
          ROUNDS_MS,
        );
      const { run } = (await leavers[0]!.snapshot())!;
      await Promise.all(leavers.map(({ page }) => page.close()));
      hold.release();

      await Promise.all(stayers.map((peer) => peer.until(hasModel(round), ROUNDS_MS)));
      await expectOneModel(server.url, stayers, round);
      const record = (await roundsOf(server.url, run!)).find((one) => one.round === round)!;
      expectSecured([record]);
      const everyone = [...left, ...stayed].sort();
      expect(record.survivors).toEqual(outcome === 'with' ? everyone : [...stayed].sort());
      if (outcome === 'again') expect(record.attempt).toBeGreaterThan(attempt.attempt);
      else if (record.attempt === attempt.attempt && outcome === 'without')
        expect([...record.dropped].sort()).toEqual([...left].sort());
    });
  }

  test('one that reloads in the middle of a round is back in the next', async () => {
    await gather();
    const [reloader, ...others] = peers;
    const { self, run } = (await reloader!.snapshot())!;
    const hold = tap.hold('to-server', 'shares', await Promise.all(peers.map(idOf)));
    const { round } = (await hold.reached).attempt;
    await reloader!.page.reload();
    hold.release();

    await Promise.all(others.map((peer) => peer.until(hasModel(round), ROUNDS_MS)));
    const back = await reloader!.until(
      ({ records }) => records.some((one) => one.round > round && one.survivors.includes(self!)),
      ROUNDS_MS,
    );
    expect(back.self).toBe(self);
    const records = await roundsOf(server.url, run!);
    expect(records.find((one) => one.round === round)!.survivors).not.toContain(self);
    expectSecured(records);
    await expectOneModel(server.url, peers, round + 1);
  });
});
