import { meanNearest, type Row } from '../../aggregate/robust/index.ts';
import { beforeNamed, isFlower, type Parameters, parametersOf, readPart, ruleNamed } from './robust-parts.ts';
import { readRows, shaped, toRow } from './rows.ts';
import { has, type QuestionVector, type Results, UnsupportedVector, unsupported } from './vector.ts';

/**
 * Rules and what comes before them. Which one is asked for: what a pipeline says, then what only one rule takes, then the name,
 * in that order. ByzFL and Flower differ in defaults: the source says whose are meant.
 */
export function robustVector(vector: QuestionVector): Results {
  const { inputs, name } = vector;
  if (!Object.values(inputs).some(Array.isArray)) return unsupported(vector);
  const source = `${vector.source ?? ''} ${name}`;
  const given = parametersOf(inputs);
  if (has(inputs, 'ref', 'weights', 'beta')) {
    const { rows, like } = readRows(inputs, 'weights');
    return { aggregate: shaped(meanNearest(rows, toRow(inputs.ref), inputs.beta), like) };
  }
  const { rows, like } = readRows(inputs);
  const parts = partsOf(vector, given, source);
  if (parts.length === 0) return unsupported(vector);
  let mixed = rows;
  for (const part of parts) {
    const before = beforeNamed(part.name);
    if (before !== undefined) {
      mixed = before(mixed, part.given);
      continue;
    }
    const rule = ruleNamed(part.name, source);
    if (rule === undefined) throw new UnsupportedVector(`"${part.name}" is no rule.`);
    return { aggregate: shaped(rule(mixed, part.given), like) };
  }
  return { vectors: mixed.map((row: Row) => shaped(row, like)) };
}

interface Part {
  readonly name: string;
  readonly given: Parameters;
}

function partsOf(vector: QuestionVector, given: Parameters, source: string): readonly Part[] {
  const { inputs, name } = vector;
  const { pipeline, agg, aggregator, rule, pre } = inputs;
  if (typeof pipeline === 'string') return splitPipeline(pipeline, given);
  if (Array.isArray(pipeline)) return pipeline.map((part: unknown) => readPart(part, given));
  const last = agg ?? aggregator ?? rule;
  if (typeof last === 'string' || (typeof last === 'object' && last !== null)) {
    const before: readonly unknown[] = pre === undefined ? [] : [pre].flat();
    return [...before, last].map((part: unknown) => readPart(part, given));
  }
  const named = namedIn(name);
  const only = onlyPossible(inputs, given, source, named);
  return (only === undefined ? named : [only]).map((part) => ({ name: part, given }));
}

/** "NNM_TrMean", "Clipping(2.0) + Krum", "NNM -> ARC -> GeometricMedian". */
function splitPipeline(text: string, given: Parameters): readonly Part[] {
  const pieces = text
    .split(/\s*(?:->|→|\+|\||>|_(?![^(]*\)))\s*|\s*,\s*(?![^(]*\))/)
    .filter((piece) => piece !== '');
  const joined: string[] = [];
  for (const piece of pieces) {
    const together = `${joined.at(-1) ?? ''}${piece}`;
    // "multi_krum", "trimmed_mean": one name in two pieces.
    if (joined.length > 0 && !isKnown(joined.at(-1)!) && isKnown(together))
      joined[joined.length - 1] = together;
    else joined.push(piece);
  }
  return joined.map((piece) => readPart(piece, given));
}

const isKnown = (text: string): boolean => {
  const name = text.replace(/\(.*$/s, '');
  return beforeNamed(name) !== undefined || ruleNamed(name, '') !== undefined;
};

/** What inputs are for no rule but one. */
function onlyPossible(
  inputs: QuestionVector['inputs'],
  given: Parameters,
  source: string,
  named: readonly string[],
): string | undefined {
  if (named.length > 1) return undefined;
  const isGiven = (...names: readonly string[]): boolean => names.every((name) => given[name] !== undefined);
  if (isGiven('nu') || isGiven('T')) return 'GeometricMedian';
  if (isGiven('tau')) return 'CenteredClipping';
  if (isGiven('idx')) return 'MoNNA';
  if (isGiven('num_to_select') || isGiven('num_nodes_to_select')) return 'MultiKrum';
  if (isGiven('beta') || isGiven('proportiontocut')) return 'TrMean';
  if (typeof given.c === 'number' && named.length === 0) return 'Clipping';
  if (isFlower(source) && has(inputs, 'num_examples') && !has(inputs, 'f') && named.length === 0)
    return 'Average';
  return undefined;
}

/** Names of rules in the name of a vector or of a test, in their order; of "trimmed_mean" not also "mean". */
function namedIn(name: string): readonly string[] {
  const words = name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .split(/[^A-Za-z]+/)
    .filter((word) => word !== '');
  const found: string[] = [];
  for (let at = 0; at < words.length; ) {
    const length = [3, 2, 1].find((count) => isKnown(words.slice(at, at + count).join('')));
    if (length !== undefined) found.push(words.slice(at, at + length).join(''));
    at += length ?? 1;
  }
  const rules = found.filter((word) => beforeNamed(word) === undefined);
  const before = found.filter((word) => beforeNamed(word) !== undefined);
  // "bulyan_f0_is_mean": the first rule is what is asked for.
  return [...before, ...rules.slice(0, 1)];
}
