import { type NodeId, type ParticipantId, SERVER } from '../identity/index.ts';
import { type SeededRandom, seededRandom, shuffle } from '../random/index.ts';
import { PERFECT } from './memory-network.ts';
import { createWorld, type World } from './session-world.ts';

export interface FuzzOutcome {
  readonly seed: string;
  readonly rounds: number;
  readonly abandoned: number;
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
  const participants = 2 + random.below(5);
  const rounds = 2 + random.below(5);
  const world = createWorld({
    seed,
    participants,
    rounds,
    flush,
    minParticipants: 2,
    ...(random.below(5) === 0 ? { paths: ['server'] as const satisfies ['server'] } : {}),
    faults: {
      minDelayMs: 1,
      maxDelayMs: 1 + random.below(400),
      lossRate: random.uniform() * 0.15,
      acknowledgementLossRate: random.uniform() * 0.1,
      reorder: random.below(2) === 0,
      detectMs: 1 + random.below(4000),
    },
  });
  const faults: string[] = [];
  const report = (failure: string | undefined): FuzzOutcome => ({
    seed,
    rounds: world.records.length,
    abandoned: world.notices.filter(({ text }) => /^Round \d+ was abandoned/.test(text)).length,
    forks: world.records.length - new Set(world.records.map(({ round }) => round)).size,
    faults,
    failure,
  });

  try {
    world.start(SERVER);
    for (const id of world.ids) world.start(id);
    const startMs = world.clock.nowMs();
    planTrouble(world, random.fork('trouble'), faults, startMs);
    await world.run(() => world.clock.nowMs() >= startMs + TROUBLE_MS, TROUBLE_MS);
    heal(world);
    const ended = await world.run(() => isOver(world), RECOVERY_MS);
    if (!ended) return report(`hang: ${describe(world)}`);
    return report(findFault(world));
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

function findFault(world: World): string | undefined {
  for (const record of world.records) {
    if (record.hash !== world.expectedHash(record))
      return `round ${record.round} is not the sum of its survivors`;
    if (record.survivors.length < 2) return `round ${record.round} has ${record.survivors.length} survivors`;
  }
  const unnamed = world.notices.find(
    ({ text, code }) => /abandoned/.test(text) && code === undefined && !/: ./.test(text),
  );
  if (unnamed !== undefined) return `unnamed abandonment: ${unnamed.text}`;
  const internal = world.notices.find(({ code }) => code === 'internal');
  if (internal !== undefined) return `internal error on ${internal.node}: ${internal.text}`;
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
  const round = server?.status.name === 'round' ? server.status.round : undefined;
  if (round !== undefined)
    lines.push(
      `round ${JSON.stringify({ ...round, dropped: [...round.dropped], trained: [...round.trained], uploaded: [...round.uploaded], applied: [...round.applied], nowMs: world.clock.nowMs() })}`,
    );
  return [
    ...lines,
    `server term ${server?.term} ${server?.status.name} v${server?.model?.version} members ${server?.members.size}`,
  ].join('\n  ');
}
