import {
  boundNorms,
  bulyan,
  centredClipping,
  clipLongest,
  coordinateMedian,
  geometricMedian,
  mean,
  meanAroundMedian,
  meanNearest,
  minimumDiameterMean,
  mixNearest,
  nearestToOwn,
  type Row,
  rankByKrum,
  trimmedMean,
  weightedMean,
} from '../../aggregate/robust/index.ts';
import { evaluateExpression } from './expression.ts';
import { type Inputs, UnsupportedVector } from './vector.ts';

/** What a rule may be given, by the names that ByzFL and Flower have for it. */
export type Parameters = Readonly<Record<string, unknown>>;

/** Numbers and words of the inputs, those of a text such as "m=0,tau=1.0,L=3", and the last say. */
export function parametersOf({ params, parameters, ...inputs }: Inputs): Parameters {
  const given = params ?? parameters;
  return { ...inputs, ...(typeof given === 'string' ? readParameters(given) : given) };
}

/** "f=1", "nu=0.1, T=3"; a lone number is `only`. */
export function readParameters(text: string, only = 'f'): Parameters {
  const pairs = text
    .split(/[,;]/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => {
      const [name, value] = part.includes('=') ? part.split('=', 2) : [only, part];
      return [name!.trim(), evaluateExpression(value!.trim()) ?? value!.trim()] as const;
    });
  return Object.fromEntries(pairs);
}

const key = (name: string): string => name.toLowerCase().replace(/[^a-z]/g, '');

type Rule = (rows: readonly Row[], given: Reader) => Row;
type Before = (rows: readonly Row[], given: Reader) => readonly Row[];
type Reader = ReturnType<typeof reader>;

/** Reads by the first name that is there. */
function reader(given: Parameters) {
  const find = (names: readonly string[]): unknown =>
    names.map((name) => given[name]).find((value) => value !== undefined && value !== null);
  return {
    /** The number of lies. */
    f: (): number =>
      number(find(['f', 'num_malicious', 'num_malicious_nodes', 'nb_byz', 'num_byzantine']) ?? 0),
    number: (fallback: number | undefined, ...names: readonly string[]): number | undefined => {
      const value = find(names);
      return value === undefined ? fallback : number(value);
    },
    list: (...names: readonly string[]): readonly unknown[] | undefined => {
      const value = find(names);
      return Array.isArray(value) ? value : undefined;
    },
    value: (...names: readonly string[]): unknown => find(names),
    has: (...names: readonly string[]): boolean => find(names) !== undefined,
  };
}

function number(value: unknown): number {
  const read = typeof value === 'number' ? value : evaluateExpression(String(value));
  if (read === undefined) throw new UnsupportedVector(`"${String(value)}" is not a number.`);
  return read;
}

/** Where to begin: zeros, or what is written. */
function startOf(rows: readonly Row[], start: unknown): Row {
  if (Array.isArray(start)) return Float64Array.from(start.flat(20));
  const fill = typeof start === 'number' ? start : 0;
  return new Float64Array(rows[0]!.length).fill(fill);
}

/** The best by Krum, with the neighbours of whoever is asked: n − f − 1 for ByzFL, n − f − 2 for Flower. */
function krumMean(rows: readonly Row[], neighbours: number, count: number, given: Reader): Row {
  const best = rankByKrum(rows, neighbours).slice(0, count);
  const weights = given.list('num_examples') as readonly number[] | undefined;
  const chosen = best.map((r) => rows[r]!);
  return weights === undefined
    ? mean(chosen)
    : weightedMean(
        chosen,
        best.map((r) => weights[r]!),
      );
}

/** Flower since 1.20: θ rows by one ranking instead of by iterated Krum. */
function bulyanRankedOnce(rows: readonly Row[], f: number): Row {
  const ranked = rankByKrum(rows, rows.length - f - 2).slice(0, rows.length - 2 * f);
  const selected = ranked.map((r) => rows[r]!);
  return meanNearest(selected, coordinateMedian(selected), rows.length - 4 * f);
}

const RULES: Readonly<Record<string, (source: string) => Rule>> = {
  average: () => (rows, given) => {
    const weights = given.list('num_examples') as readonly number[] | undefined;
    return weights === undefined ? mean(rows) : weightedMean(rows, weights);
  },
  median: () => (rows) => coordinateMedian(rows),
  trimmedmean: () => (rows, given) => {
    const beta = given.number(undefined, 'beta', 'proportiontocut');
    return trimmedMean(rows, beta === undefined ? given.f() : Math.floor(beta * rows.length));
  },
  geometricmedian: (source) => (rows, given) => {
    const iterations = given.number(undefined, 'T', 'iterations');
    const smoothing = given.number(undefined, 'nu');
    if (iterations === undefined && smoothing === undefined && !/byzfl/i.test(source))
      return geometricMedian(rows);
    return geometricMedian(rows, {
      smoothing: smoothing ?? 0.1,
      iterations: iterations ?? 3,
      start: startOf(rows, given.value('z0', 'start')),
    });
  },
  krum: (source) => (rows, given) => {
    const f = given.f();
    const select = given.number(
      1,
      'num_to_select',
      'num_nodes_to_select',
      'num_clients_to_keep',
      'to_keep',
      'm',
    );
    return krumMean(rows, rows.length - f - (isFlower(source) ? 2 : 1), Math.max(1, select!), given);
  },
  multikrum: (source) => (rows, given) => {
    const f = given.f();
    const fallback = isFlower(source) ? 1 : rows.length - f;
    const select = given.number(
      fallback,
      'num_to_select',
      'num_nodes_to_select',
      'num_clients_to_keep',
      'to_keep',
      'm',
    );
    return krumMean(rows, rows.length - f - (isFlower(source) ? 2 : 1), select!, given);
  },
  bulyan: (source) => (rows, given) =>
    /serverapp/.test(source) ? bulyanRankedOnce(rows, given.f()) : bulyan(rows, given.f()),
  centredclipping: () => (rows, given) =>
    centredClipping(rows, {
      radius: given.number(100, 'tau', 'radius', 'clip')!,
      iterations: given.number(1, 'L', 'iterations')!,
      start: startOf(rows, given.value('m', 'v0', 'start')),
    }),
  mda: () => (rows, given) => minimumDiameterMean(rows, given.f()),
  monna: () => (rows, given) => nearestToOwn(rows, given.f(), given.number(0, 'idx', 'own')!),
  meamed: () => (rows, given) => meanAroundMedian(rows, given.f()),
};
const RULE_NAMES: Readonly<Record<string, string>> = {
  average: 'average',
  mean: 'average',
  fedavg: 'average',
  median: 'median',
  fedmedian: 'median',
  coordinatemedian: 'median',
  coordinatewisemedian: 'median',
  trmean: 'trimmedmean',
  trimmed: 'trimmedmean',
  trimmedmean: 'trimmedmean',
  trimmedavg: 'trimmedmean',
  fedtrimmedavg: 'trimmedmean',
  cwtm: 'trimmedmean',
  geometricmedian: 'geometricmedian',
  geomed: 'geometricmedian',
  rfa: 'geometricmedian',
  krum: 'krum',
  multikrum: 'multikrum',
  bulyan: 'bulyan',
  centeredclipping: 'centredclipping',
  centredclipping: 'centredclipping',
  mda: 'mda',
  monna: 'monna',
  meamed: 'meamed',
};

const BEFORE: Readonly<Record<string, Before>> = {
  nnm: (rows, given) => mixNearest(rows, given.f()),
  arc: (rows, given) => clipLongest(rows, given.f()),
  clipping: (rows, given) => boundNorms(rows, given.number(2, 'c', 'clip', 'norm', 'bound')!),
  staticclipping: (rows, given) => boundNorms(rows, given.number(2, 'c', 'clip', 'norm', 'bound')!),
  identity: (rows) => rows,
};

export const isFlower = (source: string): boolean => /flower|flwr/i.test(source);

/** @returns the rule of that name as its source has it; undefined where there is none. */
export function ruleNamed(
  name: string,
  source: string,
): ((rows: readonly Row[], given: Parameters) => Row) | undefined {
  const found = RULE_NAMES[key(name)];
  if (found === undefined) return undefined;
  const rule = RULES[found]!(source);
  return (rows, given) => rule(rows, reader(given));
}

export function beforeNamed(
  name: string,
): ((rows: readonly Row[], given: Parameters) => readonly Row[]) | undefined {
  const before = BEFORE[key(name)];
  return before === undefined ? undefined : (rows, given) => before(rows, reader(given));
}

/** "TrMean(f=1)", "Clipping(2.0)", {name, parameters}: the name and what it is given over what all are given. */
export function readPart(part: unknown, common: Parameters): { name: string; given: Parameters } {
  if (typeof part === 'object' && part !== null && 'name' in part) {
    const { name, parameters, params } = part as Record<string, unknown>;
    return { name: String(name), given: { ...common, ...((parameters ?? params ?? {}) as Parameters) } };
  }
  const match = /^\s*([A-Za-z_]+)\s*(?:\((.*)\))?\s*$/s.exec(String(part));
  if (match === null) throw new UnsupportedVector(`"${String(part)}" names no rule.`);
  const only = /clip/i.test(match[1]!) ? 'c' : 'f';
  return { name: match[1]!, given: { ...common, ...readParameters(match[2] ?? '', only) } };
}
