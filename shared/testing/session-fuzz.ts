import { createNobleIdentity, type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { type SeededRandom, seededRandom, shuffle } from '../random/index.ts';
import { nobleSuite } from '../secagg/index.ts';
import { type NetworkFaults, PERFECT } from './memory-network.ts';
import { createWorld, type World, type WorldOptions } from './session-world.ts';

export interface FuzzOutcome {
  readonly seed: string;
  readonly rounds: number;
  readonly abandoned: number;
  /** Why, by code. */
  readonly codes: Readonly<Record<string, number>>;
  /** Rounds committed twice by coordinators that could not see each other; one of the two was discarded. */
  readonly forks: number;
  readonly faults: readonly string[];
  /** What went wrong; undefined when nothing did. */
  readonly failure: string | undefined;
}

/** Trouble is over after this; from then on everyone is back and the run must come to its end. */
const TROUBLE_MS = 60_000;
const RECOVERY_MS = 600_000;

/**
 * One run under seeded trouble: loss, delay, reordering, cut links, closed and reopened tabs, killed servers, pauses.
 * It must end with every participant on the identical last model, every committed round the exact sum of its
 * survivors, and every abandonment named.
 */
export async function fuzzSession(seed: string, flush: () => Promise<void>): Promise<FuzzOutcome> {
  const random = seededRandom(seed);
  const groupSize = seededGroupSize(random, 2);
  const participants = (2 + random.below(5)) * (groupSize === undefined ? 1 : 2);
  const rounds = 2 + random.below(5);
  const options: WorldOptions = {
    seed,
    participants,
    rounds,
    flush,
    minParticipants: 2,
    ...seededSelection(random),
    ...(groupSize === undefined ? {} : { groupSize }),
    ...(random.below(5) === 0 ? { paths: ['server'] as const satisfies ['server'] } : {}),
    faults: seededFaults(random),
  };
  return fuzzWorld(options, (world, faults, startMs) =>
    planTrouble(world, random.fork('trouble'), faults, startMs),
  );
}

/**
 * The same with secure aggregation, and a third of the cohort leaving at chosen moments of a round: while keys, shares, slices,
 * confirmations, reveals or sums are on their way. One run in 50 is a k-regular cohort of 40 at the server, one in 100 has
 * real cryptography.
 */
export async function fuzzSecureSession(seed: string, flush: () => Promise<void>): Promise<FuzzOutcome> {
  const random = seededRandom(seed);
  const large = random.below(50) === 0;
  const real = !large && random.below(100) === 0;
  // Small groups, where a loss weighs most, come up more often than large ones.
  const participants = large ? 40 : 3 + Math.min(random.below(14), random.below(14));
  const groupSize = large ? undefined : seededGroupSize(random, 3);
  const moments = groupSize === undefined ? MOMENTS : GROUPED_MOMENTS;
  const leaving = createLeaving(random.fork('leaving'), moments);
  const options: WorldOptions = {
    seed,
    participants,
    rounds: 2 + random.below(large ? 1 : 2),
    flush,
    secure: true,
    ...seededSelection(random),
    ...(groupSize === undefined ? {} : { groupSize }),
    ...(real ? { secureWith: { identity: createNobleIdentity, suite: nobleSuite } } : {}),
    paths: large ? ['server'] : securePaths(random, groupSize),
    faults: random.below(3) === 0 ? PERFECT : seededFaults(random),
    onSaid: leaving.onSaid,
  };
  const isTroubled = random.below(2) === 0;
  return fuzzWorld(options, (world, faults, startMs) => {
    leaving.begin(world, faults, startMs);
    if (isTroubled) planTrouble(world, random.fork('trouble'), faults, startMs);
  });
}

/**
 * With noise on whole updates, in each of the ways that there are, under both kinds of trouble: shares of it, all of it on each
 * device, or added by the server; with secure aggregation and without; a third with a norm that adapts. Noise must hide what was promised, whoever leaves when.
 */
export async function fuzzPrivateSession(seed: string, flush: () => Promise<void>): Promise<FuzzOutcome> {
  const random = seededRandom(seed);
  const trust = TRUSTS[random.below(TRUSTS.length)]!;
  const secure = trust === 'distributed' || random.below(2) === 0;
  const fewest = secure ? 3 : 2;
  const groupSize = trust === 'central' ? undefined : seededGroupSize(random, Math.max(4, fewest));
  const large = trust === 'distributed' && groupSize === undefined && random.below(50) === 0;
  const participants = large ? 40 : (fewest + random.below(6)) * (groupSize === undefined ? 1 : 2);
  const leaving = createLeaving(random.fork('leaving'), groupSize === undefined ? MOMENTS : GROUPED_MOMENTS);
  const isTree = trust === 'central' && random.fork('mechanism').below(2) === 0;
  const isAdaptive = !isTree && random.fork('norm').below(3) === 0;
  const isServerOnly = trust === 'central' || large || random.below(4) === 0;
  const options: WorldOptions = {
    seed,
    participants,
    rounds: 2 + random.below(3),
    flush,
    secure,
    participantPrivacy: {
      trust,
      ...(isTree ? { mechanism: 'tree' } : {}),
      ...(isAdaptive ? { adaptiveClipping: ADAPTIVE } : {}),
    },
    ...(groupSize === undefined ? {} : { groupSize }),
    ...(isServerOnly ? { paths: ['server'] as const satisfies ['server'] } : {}),
    faults: random.below(3) === 0 ? PERFECT : seededFaults(random),
    onSaid: leaving.onSaid,
  };
  const isTroubled = random.below(2) === 0;
  return fuzzWorld(options, (world, faults, startMs) => {
    leaving.begin(world, faults, startMs);
    if (isTroubled) planTrouble(world, random.fork('trouble'), faults, startMs);
  });
}

/**
 * Asynchronous rounds of devices of very different speed, under both kinds of trouble: plain, with secure aggregation, in several
 * groups, and with noise on whole updates.
 */
export async function fuzzAsyncSession(seed: string, flush: () => Promise<void>): Promise<FuzzOutcome> {
  const random = seededRandom(seed);
  const trust = [undefined, undefined, undefined, 'distributed', 'local'][random.below(5)] as
    | 'distributed'
    | 'local'
    | undefined;
  const secure = trust === 'distributed' || random.below(2) === 0;
  const fewest = secure ? 3 : 2;
  const groupSize = seededGroupSize(random, Math.max(trust === 'distributed' ? 4 : 2, fewest));
  const participants = (fewest + random.below(5)) * (groupSize === undefined ? 1 : 2);
  const leaving = createLeaving(random.fork('leaving'), groupSize === undefined ? MOMENTS : GROUPED_MOMENTS);
  const isWeighed = trust === undefined && random.below(3) > 0;
  const options: WorldOptions = {
    seed,
    participants,
    rounds: 3 + random.below(5),
    flush,
    secure,
    strategy: {
      type: 'fedbuff',
      maxStaleness: random.below(7),
      stalenessExponent: isWeighed ? 0.5 : 0,
      weighting: trust === undefined && random.below(2) === 0 ? 'examples' : 'uniform',
      clipNorm: 2,
    },
    trainMs: heavyTailed,
    ...(trust === undefined ? {} : { participantPrivacy: { trust } }),
    ...(groupSize === undefined ? {} : { groupSize }),
    ...(random.below(4) === 0 ? { paths: ['server'] as const satisfies ['server'] } : {}),
    faults: random.below(3) === 0 ? PERFECT : seededFaults(random),
    onSaid: leaving.onSaid,
  };
  const isTroubled = random.below(3) > 0;
  return fuzzWorld(options, (world, faults, startMs) => {
    leaving.begin(world, faults, startMs);
    if (isTroubled) planTrouble(world, random.fork('trouble'), faults, startMs);
  });
}

/** Each device has a speed of its own; one in ten is 50 times as slow as the quickest. */
function heavyTailed(id: ParticipantId, random: SeededRandom): number {
  const slowness = 1 / (0.02 + 0.98 * seededRandom(`speed of ${id}`).uniform());
  return slowness * (100 + random.below(400));
}

const ADAPTIVE = { targetQuantile: 0.5, learningRate: 0.2, indicatorWeight: 0.5 };

const TRUSTS = ['distributed', 'distributed', 'local', 'central'] as const;

const SECURE_PATHS: readonly NonNullable<WorldOptions['paths']>[] = [
  ['direct', 'relay', 'server'],
  ['direct', 'server'],
  ['direct'],
  ['server'],
];

/** The server combines groups. */
function securePaths(
  random: SeededRandom,
  groupSize: number | undefined,
): NonNullable<WorldOptions['paths']> {
  const paths = SECURE_PATHS[random.below(SECURE_PATHS.length)]!;
  return groupSize === undefined || paths.includes('server') ? paths : [...paths, 'server'];
}

/** In one world of ten participants are split into groups; whether in this one is drawn apart, so that others stay as they were. */
function seededGroupSize(random: SeededRandom, fewest: number): number | undefined {
  const draw = random.fork('several groups');
  return draw.below(10) === 0 ? fewest + draw.below(3) : undefined;
}

/** In one world of five cohorts are selected, and go on with the quickest; drawn apart, as groups are. */
function seededSelection(random: SeededRandom): Pick<WorldOptions, 'strategy'> {
  const draw = random.fork('selection');
  if (draw.below(5) > 0) return {};
  const by = (['uniform', 'resources', 'data-size', 'fairness'] as const)[draw.below(4)]!;
  return { strategy: { type: 'fedavg', selection: { by, overSelection: 1 + draw.below(3) / 4 } } };
}

function seededFaults(random: SeededRandom): NetworkFaults {
  return {
    minDelayMs: 1,
    maxDelayMs: 1 + random.below(400),
    lossRate: random.uniform() * 0.15,
    acknowledgementLossRate: random.uniform() * 0.1,
    reorder: random.below(2) === 0,
    detectMs: 1 + random.below(4000),
  };
}

/** Where in a round someone leaves: as it would say this. `join` stands for training: before it says anything of the round. */
const MOMENTS = [
  'keys',
  'shares',
  'trained',
  'slice',
  'uploaded',
  'confirm',
  'reveal',
  'sum',
  'applied',
] as const;

const GROUPED_MOMENTS = [...MOMENTS, 'nonce', 'summed'] as const;

/** A third of all, rounded down, leave at moments of their own, each just before, amidst or just after its message. */
function createLeaving(
  random: SeededRandom,
  moments: readonly string[],
): {
  readonly onSaid: NonNullable<WorldOptions['onSaid']>;
  begin(world: World, faults: string[], startMs: number): void;
} {
  let world: World | undefined;
  let note = (_: string): void => undefined;
  const plans = new Map<
    NodeId,
    { readonly moment: string; readonly round: number; readonly afterMs: number; readonly awayMs: number }
  >();
  return {
    begin(begun, faults, startMs) {
      world = begun;
      note = (text) => faults.push(`${((begun.clock.nowMs() - startMs) / 1000).toFixed(1)} s: ${text}`);
      const ids = shuffle([...begun.ids], random) as NodeId[];
      for (const id of ids.slice(0, Math.floor(ids.length / 3)))
        plans.set(id, {
          moment: moments[random.below(moments.length)]!,
          round: 1 + random.below(2),
          afterMs: [0, random.below(20), random.below(600)][random.below(3)]!,
          awayMs: random.below(2) === 0 ? random.below(2000) : random.below(TROUBLE_MS),
        });
    },
    onSaid(from, _to, message) {
      const plan = plans.get(from);
      if (plan === undefined || message.type !== plan.moment || !('attempt' in message)) return;
      if (message.attempt.round < plan.round) return;
      plans.delete(from);
      world!.clock.after(plan.afterMs, () => {
        if (!world!.nodes.has(from)) return;
        note(`${from} leaves at its ${plan.moment} message for ${plan.awayMs} ms`);
        world!.kill(from);
        world!.clock.after(plan.awayMs, () => {
          if (!world!.nodes.has(from)) world!.start(from);
        });
      });
    },
  };
}

async function fuzzWorld(
  options: WorldOptions,
  begin: (world: World, faults: string[], startMs: number) => void,
): Promise<FuzzOutcome> {
  const { seed } = options;
  const world = createWorld(options);
  const faults: string[] = [];
  const report = (failure: string | undefined): FuzzOutcome => ({
    seed,
    rounds: world.records.length,
    ...abandonmentsOf(world),
    forks: world.records.length - new Set(world.records.map(({ round }) => round)).size,
    faults,
    failure,
  });

  try {
    world.start(SERVER);
    for (const id of world.ids) world.start(id);
    const startMs = world.clock.nowMs();
    begin(world, faults, startMs);
    await world.run(() => world.clock.nowMs() >= startMs + TROUBLE_MS, TROUBLE_MS);
    heal(world);
    const ended = await world.run(() => isOver(world), RECOVERY_MS);
    if (!ended) return report(`hang: ${describe(world)}`);
    const isAsync = options.strategy?.type === 'fedbuff';
    return report(findFault(world, options.secure === true) ?? (isAsync ? findRepetition(world) : undefined));
  } catch (thrown) {
    return report(`exception: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  } finally {
    for (const id of [...world.nodes.keys()]) world.kill(id);
  }
}

function planTrouble(world: World, random: SeededRandom, faults: string[], startMs: number): void {
  const everyone: NodeId[] = [...world.ids, SERVER];
  const events = random.below(12);
  for (let i = 0; i < events; i++) {
    const atMs = random.below(TROUBLE_MS - 5000);
    const lastsMs = 100 + random.below(15_000);
    const who = everyone[random.below(everyone.length)]!;
    const other = everyone[random.below(everyone.length)]!;
    const kind = random.below(5);
    const note = (text: string) =>
      faults.push(`${((world.clock.nowMs() - startMs) / 1000).toFixed(1)} s: ${text}`);
    const at = (delayMs: number, action: () => void) => world.clock.after(delayMs, action);
    if (kind <= 1) {
      at(atMs, () => {
        if (!world.nodes.has(who)) return;
        note(`${who} is killed for ${lastsMs} ms`);
        world.kill(who);
        at(lastsMs, () => {
          if (!world.nodes.has(who)) world.start(who);
        });
      });
    } else if (kind === 2 && who !== other) {
      at(atMs, () => {
        note(`the link ${who}–${other} is cut for ${lastsMs} ms`);
        world.network.setLink(who, other, false);
        at(lastsMs, () => world.network.setLink(who, other, true));
      });
    } else if (kind === 3) {
      const side = new Set(
        (shuffle([...everyone], random) as NodeId[]).slice(0, 1 + random.below(everyone.length - 1)),
      );
      at(atMs, () => {
        note(`${[...side].join(', ')} are cut off for ${lastsMs} ms`);
        const crossing = everyone.flatMap((a) =>
          everyone.filter((b) => side.has(a) && !side.has(b)).map((b) => [a, b] as const),
        );
        for (const [a, b] of crossing) world.network.setLink(a, b, false);
        at(lastsMs, () => {
          for (const [a, b] of crossing) world.network.setLink(a, b, true);
        });
      });
    } else if (kind === 4 && who !== SERVER) {
      at(atMs, () => {
        note(`${who} pauses for ${lastsMs} ms`);
        world.nodes.get(who)?.command('pause');
        at(lastsMs, () => world.nodes.get(who)?.command('resume'));
      });
    }
  }
}

/** As coordinators tell of them: participants repeat what they hear, without a code. */
function abandonmentsOf({ notices }: World): Pick<FuzzOutcome, 'abandoned' | 'codes'> {
  const codes: Record<string, number> = {};
  let abandoned = 0;
  for (const { text, code } of notices) {
    if (code === undefined || !/^Round \d+ was abandoned/.test(text)) continue;
    abandoned++;
    codes[code] = (codes[code] ?? 0) + 1;
  }
  return { abandoned, codes };
}

function heal(world: World): void {
  world.network.setFaults(PERFECT);
  const everyone: NodeId[] = [SERVER, ...world.ids];
  for (const a of everyone) for (const b of everyone) if (a < b) world.network.setLink(a, b, true);
  for (const id of everyone) {
    if (!world.nodes.has(id)) world.start(id);
    if (id !== SERVER) world.nodes.get(id)!.command('resume');
  }
}

function isOver(world: World): boolean {
  const last = world.nodes.get(SERVER)?.state.coordinator?.model?.hash;
  return world.ids.every((id) => {
    const participant = world.nodes.get(id)?.state.participant;
    return participant?.status.name === 'finished' && participant.model?.hash === last;
  });
}

function findFault(world: World, secure: boolean): string | undefined {
  const fewest = secure ? 3 : 2;
  const [broken] = world.watch.broken;
  if (broken !== undefined) return `secrecy: ${broken}`;
  const [bare] = world.noiseWatch.broken;
  if (bare !== undefined) return `noise: ${bare}`;
  for (const record of world.records) {
    if (record.hash !== world.expectedHash(record))
      return `round ${record.round} is not the sum of its survivors`;
    if (record.survivors.length < fewest)
      return `round ${record.round} has ${record.survivors.length} survivors`;
  }
  const unnamed = world.notices.find(
    ({ text, code }) => /abandoned/.test(text) && code === undefined && !/: ./.test(text),
  );
  if (unnamed !== undefined) return `unnamed abandonment: ${unnamed.text}`;
  const internal = world.notices.find(({ code }) => code === 'internal');
  if (internal !== undefined) return `internal error on ${internal.node}: ${internal.text}`;
  return undefined;
}

/** SPEC E-09: an update counts once. Of two coordinators that cannot see each other each may count it. */
function findRepetition(world: World): string | undefined {
  const rounds = new Set(world.records.map(({ round }) => round));
  if (rounds.size < world.records.length) return undefined;
  const counted = new Map<string, number>();
  for (const record of world.records) {
    for (const id of record.survivors) {
      const key = `${id} ${world.trainingOf(record, id)}`;
      const before = counted.get(key);
      if (before !== undefined) return `an update of ${id} is in rounds ${before} and ${record.round}`;
      counted.set(key, record.round);
    }
  }
  return undefined;
}

function describe(world: World): string {
  const lines = world.ids.map((id: ParticipantId) => {
    const state = world.nodes.get(id)?.state;
    const participant = state?.participant;
    const attempt = participant?.attempt;
    return `${id} ${participant?.status.name} term ${participant?.term} v${participant?.model?.version} wants v${participant?.target?.version} up ${[...(participant?.peers.keys() ?? [])].length} follows ${participant?.coordinator} ${attempt?.phase.name ?? '-'}${state?.coordinator === undefined ? '' : ` coordinates: ${state.coordinator.status.name}`}`;
  });
  const server = world.nodes.get(SERVER)?.state.coordinator;
  for (const round of server?.status.name === 'round' ? server.status.rounds : [])
    lines.push(
      `round ${JSON.stringify({ ...round, dropped: [...round.dropped], trained: [...round.trained], uploaded: [...round.uploaded], applied: [...round.applied], nowMs: world.clock.nowMs() })}`,
    );
  return [
    ...lines,
    `server term ${server?.term} ${server?.status.name} v${server?.model?.version} members ${server?.members.size}`,
  ].join('\n  ');
}
