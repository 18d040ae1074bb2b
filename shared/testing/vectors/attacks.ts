import {
  infinite,
  innerProductManipulation,
  littleIsEnough,
  mimic,
  mostHarmful,
  signFlip,
} from '../../aggregate/attacks/index.ts';
import type { Row } from '../../aggregate/robust/index.ts';
import { readNumber } from './conventions.ts';
import { beforeNamed, parametersOf, readPart, ruleNamed } from './robust-parts.ts';
import { readRows, shaped } from './rows.ts';
import {
  has,
  type Inputs,
  type QuestionVector,
  type Results,
  UnsupportedVector,
  unsupported,
} from './vector.ts';

/** The row of a liar, by the name of the attack and by what only one attack takes. */
export function attackVector(vector: QuestionVector): Results {
  const { inputs } = vector;
  if (!Object.values(inputs).some(Array.isArray)) return unsupported(vector);
  const { rows, like } = readRows(inputs, 'honest_vectors', 'honest', 'vectors', 'updates');
  const name = String(inputs.attack ?? vector.name)
    .toLowerCase()
    .replace(/[^a-z]/g, '');
  const given = { ...inputs, ...parametersOf(inputs) };
  return { byzantine_vector: shaped(rowOf(vector, name, rows, given), like) };
}

function rowOf(vector: QuestionVector, name: string, rows: readonly Row[], given: Inputs): Row {
  const factor = given.tau === undefined ? undefined : readNumber(given.tau);
  const withFactor = factor === undefined ? {} : { factor };
  const isLittle = /little|alie/.test(name);
  if (has(given, 'agg') || /optimal|optipm|optalie/.test(name)) return optimal(rows, given, isLittle);
  if (/mimic/.test(name) || has(given, 'epsilon'))
    return mimic(rows, { whom: given.epsilon ?? given.idx ?? 0 });
  if (isLittle) return littleIsEnough(rows, withFactor);
  // The mean times 1 − τ: the first form that ByzFL had of it.
  if (/empires|foe/.test(name)) return innerProductManipulation(rows, { factor: (factor ?? 3) - 1 });
  if (/innerproduct|ipm/.test(name)) return innerProductManipulation(rows, withFactor);
  if (/sign/.test(name)) return signFlip(rows);
  if (/inf/.test(name)) return infinite(rows);
  if (factor !== undefined)
    throw new UnsupportedVector(`"${vector.name}" says not which attack has the factor.`);
  return unsupported(vector);
}

/** ByzFL searches from 0 in steps of 10, with one liar and static clipping where nothing else is said. */
function optimal(rows: readonly Row[], given: Inputs, isLittle: boolean): Row {
  const common = parametersOf(given);
  const before = [given.pre ?? given.pre_agg_list ?? []]
    .flat()
    .map((part: unknown) => readPart(part, common));
  const last = readPart(given.agg ?? 'Average', common);
  const rule = ruleNamed(last.name, 'byzfl');
  if (rule === undefined) throw new UnsupportedVector(`"${last.name}" is no rule.`);
  const number = (value: unknown): number | undefined =>
    value === undefined ? undefined : readNumber(value);
  const options = {
    evaluations: number(given.evals),
    start: number(given.start),
    step: number(given.delta),
    ratio: number(given.ratio),
  };
  const { row } = mostHarmful(
    rows,
    number(given.f) ?? 1,
    (honest, factor) =>
      isLittle ? littleIsEnough(honest, { factor }) : innerProductManipulation(honest, { factor }),
    (all) => {
      const mixed = before.reduce((at, part) => {
        const step = beforeNamed(part.name);
        if (step === undefined) throw new UnsupportedVector(`"${part.name}" comes before no rule.`);
        return step(at, part.given);
      }, all);
      return rule(mixed, last.given);
    },
    Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  );
  return row;
}
