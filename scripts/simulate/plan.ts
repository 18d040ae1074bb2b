import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import {
  type Federation,
  mostParticipants,
  parseFederation,
  SECURE_MINIMUM,
} from '../../shared/federation/index.ts';
import { ATTACKS, type Attack, type AttackType, type LogNormal } from '../../shared/simulate/index.ts';
import type { DivisionBy } from './division.ts';

/** Everything that the results of a simulation follow from, and the number of workers, from which they do not. */
export interface SimulationPlan {
  readonly federation: Federation;
  readonly clients: number;
  readonly rounds: number;
  readonly seed: string;
  readonly data: string;
  readonly examplesPerClient: number;
  readonly split: DivisionBy;
  readonly attack: Attack | undefined;
  readonly attackers: number;
  readonly dropOut: number;
  readonly speed: LogNormal;
  readonly up: LogNormal;
  readonly down: LogNormal;
  /** Devices that turn up for a round; with fedbuff, that train at once. */
  readonly available: number;
  readonly evaluateEvery: number;
  readonly targetAccuracy: number | undefined;
  readonly workers: number;
}

/**
 * Medians and spreads from memory of what was published on phones, and rounded: training speeds that lie two orders of magnitude apart
 * (Huba et al. 2022, "Papaya"; Lai et al. 2022, "FedScale", after AI Benchmark) and mobile networks of some megabits per second
 * (FedScale, after MobiPerf). Not measured by this project: whoever knows better says so with --speed, --up and --down.
 */
export const TYPICAL = {
  /** Examples per second of the two-layer network in a phone's browser. */
  speed: { median: 1000, sigma: 1 },
  /** Bytes per millisecond: 5 and 20 megabits per second. */
  up: { median: 625, sigma: 0.7 },
  down: { median: 2500, sigma: 0.7 },
} as const satisfies Record<string, LogNormal>;

/** More than the cohort turn up, so that the coordinator has a choice and an attempt that fails does not end the round. */
const SPARE = 1.2;
/** What SCAFFOLD's devices may remember in all. */
const MAX_MEMORY_BYTES = 2 ** 30;

const OPTIONS = {
  clients: { type: 'string', default: '10000' },
  cohort: { type: 'string' },
  rounds: { type: 'string' },
  seed: { type: 'string', default: 'murmuration' },
  data: { type: 'string' },
  /** As in McMahan et al. 2017. */
  'examples-per-client': { type: 'string', default: '600' },
  split: { type: 'string', default: 'iid' },
  attack: { type: 'string' },
  dropout: { type: 'string', default: '0' },
  speed: { type: 'string' },
  up: { type: 'string' },
  down: { type: 'string' },
  available: { type: 'string' },
  'evaluate-every': { type: 'string', default: '1' },
  target: { type: 'string' },
  workers: { type: 'string' },
  json: { type: 'string' },
  html: { type: 'string' },
  resume: { type: 'string' },
  check: { type: 'boolean', default: false },
  scaling: { type: 'boolean', default: false },
} as const;

/** The file that was named, if any, and the options as text. */
export function readCommandLine(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: OPTIONS,
      strict: true,
      allowPositionals: true,
    });
    check(positionals.length <= 1, 'argument.invalid', 'More than one federation was named.', {
      expected: 'one file',
      received: positionals.join(' '),
    });
    return { file: positionals[0], values };
  } catch (cause) {
    if (cause instanceof MurmurationError) throw cause;
    throw new MurmurationError('argument.invalid', (cause as Error).message, {
      expected: `a federation's file, and ${Object.keys(OPTIONS)
        .map((name) => `--${name}`)
        .join(' ')}`,
      cause,
    });
  }
}

export type CommandLine = ReturnType<typeof readCommandLine>['values'];

/**
 * @param document parsed JSON of a federation.
 * @param sizeOf parameters of the model that a federation trains.
 * @throws `argument.invalid` or `federation.invalid`, with the arithmetic, for what cannot be simulated.
 */
export function planOf(
  document: unknown,
  values: CommandLine,
  sizeOf: (federation: Federation) => number,
): SimulationPlan {
  const given = parseFederation(document);
  const clients = whole('clients', values.clients, 1, 100_000_000);
  const cohort = values.cohort === undefined ? undefined : whole('cohort', values.cohort, 2, 4096);
  const maximum = whole('rounds', values.rounds ?? String(given.rounds.maximum), 1, 100_000);
  const target = values.target === undefined ? undefined : fraction('target', values.target);
  const { targetAccuracy = target, ...limits } = given.rounds;
  const federation = parseFederation({
    ...given,
    ...(cohort === undefined ? {} : { cohort: cohortOf(given, cohort) }),
    rounds: { ...limits, maximum },
  });
  // overSelection adds nobody to these: it says how many of them are waited for. SPEC C-54.
  const most = mostParticipants(federation.cohort);
  const { minParticipants } = federation.cohort;
  const dropOut = fraction('dropout', values.dropout);
  const isBuffered = federation.strategy.type === 'fedbuff';
  const available = whole(
    'available',
    values.available ?? String(Math.min(clients, isBuffered ? 4 * most : Math.ceil(most * SPARE))),
    1,
    100_000,
  );
  check(available <= clients, 'argument.invalid', 'More devices are to be available than there are.', {
    path: '--available',
    expected: `at most --clients, ${clients}`,
    received: String(available),
  });
  check(minParticipants <= available, 'argument.invalid', 'So few devices never make a round.', {
    path: values.available === undefined ? '--clients' : '--available',
    expected: `at least cohort.minParticipants, ${minParticipants}`,
    received: String(available),
  });
  const invited = Math.min(most, available);
  const likely = Math.floor(invited * (1 - dropOut));
  check(
    likely >= minParticipants,
    'argument.invalid',
    'Too few devices are left of a round for it to count.',
    {
      path: '--dropout',
      expected: `at most ${(1 - minParticipants / invited).toFixed(3)}: ${invited} invited × (1 − dropout) ≥ cohort.minParticipants, ${minParticipants}`,
      received: `${dropOut}, which leaves ${likely}`,
    },
  );
  const { attack, attackers } = attackOf(values.attack);
  const examplesPerClient = whole('examples-per-client', values['examples-per-client'], 1, 1_000_000);
  check(
    values.resume === undefined || federation.strategy.rollback === undefined,
    'argument.invalid',
    'A simulation whose model may go back cannot be gone on with: earlier versions are not kept.',
    { path: '--resume', expected: 'nothing with strategy.rollback', received: values.resume ?? '' },
  );
  const parameters = sizeOf(federation);
  check(
    federation.strategy.type !== 'scaffold' || clients * parameters * 4 <= MAX_MEMORY_BYTES,
    'argument.invalid',
    'What so many devices remember does not fit into memory.',
    {
      path: '--clients',
      expected: `at most ${Math.floor(MAX_MEMORY_BYTES / (4 * parameters))} with scaffold: ${parameters} parameters × 4 bytes each within ${MAX_MEMORY_BYTES}`,
      received: `${clients}, ${clients * parameters * 4} bytes`,
    },
  );
  return {
    federation,
    clients,
    rounds: maximum,
    seed: values.seed,
    data: values.data ?? (federation.data.kind === 'image' ? 'mnist' : 'synthetic'),
    examplesPerClient,
    split: splitOf(values.split),
    attack,
    attackers,
    dropOut,
    speed: logNormal('speed', values.speed, TYPICAL.speed, 1),
    up: logNormal('up', values.up, TYPICAL.up, 125),
    down: logNormal('down', values.down, TYPICAL.down, 125),
    available,
    evaluateEvery: whole('evaluate-every', values['evaluate-every'], 0, 100_000),
    targetAccuracy,
    workers: whole('workers', values.workers ?? String(availableParallelism()), 1, 64),
  };
}

/** Of another size, with the same part of it that is needed. */
function cohortOf({ cohort, paths, privacy }: Federation, size: number): Federation['cohort'] {
  const onlyServer = paths.every((path) => path === 'server');
  // One group where the server may hold it; else as many as it takes.
  const groupSize =
    onlyServer && cohort.maxParticipants === undefined ? size : Math.min(cohort.groupSize, size);
  const part = cohort.minParticipants / mostParticipants(cohort);
  const fewest = privacy.secureAggregation === 'none' ? 1 : SECURE_MINIMUM;
  return {
    minParticipants: Math.min(groupSize, Math.max(fewest, Math.floor(part * size))),
    groupSize,
    ...(groupSize === size ? {} : { maxParticipants: size }),
  };
}

function attackOf(text: string | undefined): { attack: Attack | undefined; attackers: number } {
  if (text === undefined) return { attack: undefined, attackers: 0 };
  const [type, part, strength, ...rest] = text.split(':');
  const isKnown = ATTACKS.includes(type as AttackType);
  check(isKnown && part !== undefined && rest.length === 0, 'argument.invalid', 'There is no such attack.', {
    path: '--attack',
    expected: `type:part or type:part:strength, as in sign-flip:0.25; types: ${ATTACKS.join(', ')}`,
    received: text,
  });
  return {
    attack: {
      type: type as AttackType,
      ...(strength === undefined ? {} : { strength: number('attack', strength, 0, 1e6) }),
    },
    attackers: fraction('attack', part),
  };
}

function splitOf(text: string): DivisionBy {
  const [kind, value, ...rest] = text.split(':');
  if (kind === 'iid' && value === undefined) return { kind };
  if (kind === 'shards' && rest.length === 0) return { kind, classes: whole('split', value ?? '2', 1, 1000) };
  if (kind === 'dirichlet' && rest.length === 0)
    return { kind, alpha: number('split', value ?? '0.5', 1e-3, 1e6) };
  throw new MurmurationError('argument.invalid', 'Examples cannot be split up in this way.', {
    path: '--split',
    expected: 'iid, shards:CLASSES or dirichlet:ALPHA',
    received: text,
  });
}

/** `median:sigma`; of rates in megabits per second. @param unit bytes per millisecond, or examples per second, of a one. */
function logNormal(name: string, text: string | undefined, typical: LogNormal, unit: number): LogNormal {
  if (text === undefined) return typical;
  const [median = '', sigma = '0', ...rest] = text.split(':');
  check(rest.length === 0, 'argument.invalid', 'A distribution has two numbers.', {
    path: `--${name}`,
    expected: 'median:sigma',
    received: text,
  });
  return { median: unit * number(name, median, 1e-6, 1e9), sigma: number(name, sigma, 0, 10) };
}

const fraction = (name: string, text: string) => number(name, text, 0, 1);

function whole(name: string, text: string, min: number, max: number): number {
  const value = number(name, text, min, max);
  check(Number.isInteger(value), 'argument.invalid', `--${name} is not a whole number.`, {
    path: `--${name}`,
    expected: `a whole number from ${min} to ${max}`,
    received: text,
  });
  return value;
}

function number(name: string, text: string, min: number, max: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  check(value >= min && value <= max, 'argument.invalid', `--${name} is out of range.`, {
    path: `--${name}`,
    expected: `a number from ${min} to ${max}`,
    received: text,
  });
  return value;
}
