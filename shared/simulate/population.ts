import { checkFinite, checkInteger } from '../errors/index.ts';
import { type SeededRandom, seededRandom } from '../random/index.ts';
import type { LineRates } from '../testing/memory-network.ts';

/** x = median · e^(sigma · z), z standard normal. With sigma 1 the fastest and the slowest percent are a factor of 100 apart. */
export interface LogNormal {
  readonly median: number;
  readonly sigma: number;
}

export interface PopulationOptions {
  readonly seed: string;
  /** How many devices there are. */
  readonly clients: number;
  /** Examples on each device. */
  readonly examples: number;
  /** Examples per second while training. */
  readonly speed: LogNormal;
  /** Bytes per millisecond. */
  readonly up: LogNormal;
  readonly down: LogNormal;
  /** Probability that a device vanishes in a round that it is invited to. */
  readonly dropOut: number;
  /** Part of the devices that lie. */
  readonly attackers: number;
}

/** What a device is, as long as it lives. */
export interface Device {
  readonly client: number;
  readonly examples: number;
  readonly examplesPerSecond: number;
  readonly rates: LineRates;
  readonly lies: boolean;
}

/**
 * Devices that are functions of their index and the seed: a million cost as much memory as ten, since nobody has to be
 * there before it is asked for.
 */
export interface Population {
  readonly clients: number;
  device(client: number): Device;
  /** When a device vanishes in this round, as part of the time that it would take; undefined when it does not. */
  vanishesAt(client: number, round: number): number | undefined;
  /** Who turns up: `count` different ones of those not in `busy`, every set as likely as any other; fewer where there are fewer. */
  draw(label: string, count: number, busy: ReadonlyMap<number, unknown>): number[];
}

/** @throws `argument.invalid` for what no population can have. */
export function createPopulation(options: PopulationOptions): Population {
  const { clients, examples, speed, up, down, dropOut, attackers } = options;
  checkInteger('clients', clients, 1, 2 ** 31);
  checkInteger('examples', examples, 1, 1_000_000);
  checkFinite('dropOut', dropOut, 0, 1);
  checkFinite('attackers', attackers, 0, 1);
  const root = seededRandom(options.seed).fork('population');
  return {
    clients,
    device(client) {
      const random = root.fork(`device ${client}`);
      return {
        client,
        examples,
        examplesPerSecond: drawLogNormal(speed, random),
        rates: { upBytesPerMs: drawLogNormal(up, random), downBytesPerMs: drawLogNormal(down, random) },
        lies: random.uniform() < attackers,
      };
    },
    vanishesAt(client, round) {
      if (dropOut === 0) return undefined;
      const random = root.fork(`fate ${client} ${round}`);
      return random.uniform() < dropOut ? random.uniform() : undefined;
    },
    draw(label, count, busy) {
      const random = root.fork(`draw ${label}`);
      return sampleWithout(clients, count, busy, random);
    },
  };
}

function sampleWithout(
  clients: number,
  count: number,
  busy: ReadonlyMap<number, unknown>,
  random: SeededRandom,
): number[] {
  const drawn = sampleClients(clients, Math.min(clients, count + busy.size), random);
  return drawn.filter((client) => !busy.has(client)).slice(0, count);
}

/**
 * `count` different numbers below `clients`, in random order, in time that depends on `count` only (Floyd's algorithm: Bentley and
 * Floyd 1987, "A Sample of Brilliance", F2; each newcomer is put at a place drawn for it).
 */
export function sampleClients(clients: number, count: number, random: SeededRandom): number[] {
  checkInteger('count', count, 0, clients);
  const seen = new Set<number>();
  for (let top = clients - count; top < clients; top++) {
    const drawn = random.below(top + 1);
    seen.add(seen.has(drawn) ? top : drawn);
  }
  const order = [...seen];
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** By Box and Muller's transformation. */
export function drawLogNormal({ median, sigma }: LogNormal, random: SeededRandom): number {
  return median * Math.exp(sigma * drawNormal(random));
}

/** Mean 0, deviation 1. */
export function drawNormal(random: SeededRandom): number {
  // Never the logarithm of zero.
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
  return radius * Math.cos(2 * Math.PI * random.uniform());
}
