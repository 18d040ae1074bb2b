import { plantTrigger } from '../../shared/aggregate/attacks/index.ts';
import { strategyOf, sumSlices, type WeightedSlice } from '../../shared/aggregate/index.ts';
import {
  combineKept,
  combineRuleOf,
  type Reputation,
  type Row,
  screenGroups,
  suspects,
  updateReputations,
} from '../../shared/aggregate/robust/index.ts';
import { clipUpdate, encodingOf, type FixedPoint, quantize } from '../../shared/compress/index.ts';
import type { Examples } from '../../shared/dataset/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { seededRandom } from '../../shared/random/index.ts';
import { cutGroups } from '../../shared/session/groups.ts';
import { compileModel, evaluateModel, trainLocally } from '../../shared/training/index.ts';
import { type ClippedUpdate, type Model, makeModel, staged } from '../../shared/update/index.ts';
import type { Digits } from './digits.ts';
import { liesOf, poisoned, TRIGGER, trains } from './liars.ts';
import { federationFor, type Recipe } from './recipe.ts';
import { GROUP_SIZE, PARTICIPANTS, ruleNamed, type Unit } from './units.ts';

export interface Outcome {
  /** Mean over the models of the last three rounds, of test digits; 0 to 1. */
  readonly accuracy: number;
  /** Of test digits of other classes with the trigger on them, the part that the last model takes for the trigger's class. */
  readonly backDoor: number;
}

/** Rounds at the end whose models are averaged over: one alone is a matter of luck by half a point. */
const LAST = 3;

/** One run of all rounds: liars are the first participants, in everything else like the others. */
export async function runUnit(
  unit: Unit,
  digits: Digits,
  { rounds }: Recipe,
  signal: AbortSignal,
): Promise<Outcome> {
  const { setting, rule, attack, liars, seed } = unit;
  const federation = federationFor(setting, rule, liars);
  const { robust } = federation.strategy;
  const compiled = compileModel(federation);
  const encoding = encodingOf(federation, compiled.layout) as FixedPoint;
  const strategy = strategyOf(federation, compiled.layout);
  const combine = combineRuleOf(robust, encoding);
  const data = digits.own.map((own, i) => (i < liars ? poisoned(own, attack) : own));
  let reputations: ReadonlyMap<number, Reputation> = new Map();

  async function trainOne(base: Model, participant: number): Promise<Row> {
    const { update } = await trainLocally({
      compiled,
      examples: data[participant]!,
      base,
      training: federation.training,
      seed: `${seed}/${base.version}/${participant}`,
      signal,
    });
    return clipUpdate(update, federation.strategy.clipNorm, 1).update.delta;
  }

  /** What each sends, as integers. A coordinate beyond the bound would be refused by name, so that no lie has one. */
  async function sentBy(base: Model, invited: readonly number[]): Promise<Map<number, WeightedSlice>> {
    const isLiar = (i: number): boolean => attack !== 'none' && i < liars;
    const rows = new Map<number, Row>();
    for (const i of invited) if (!isLiar(i) || trains(attack)) rows.set(i, await trainOne(base, i));
    const lying = invited.filter(isLiar);
    if (attack !== 'none' && lying.length > 0) {
      const honest = invited.filter((i) => !isLiar(i)).map((i) => rows.get(i)!);
      const trained = lying.map((i) => rows.get(i) ?? honest[0]!);
      const lies = liesOf(attack, honest, trained, `${seed}/${base.version}`);
      for (const [k, row] of lies.entries()) rows.set(lying[k]!, row);
    }
    return new Map([...rows].map(([i, row]) => [i, toSlice(row, base, encoding)]));
  }

  async function lossOf(model: Model): Promise<number> {
    const { lossSum, total } = await evaluateModel({ compiled, examples: digits.heldOut, model, signal });
    return lossSum / total;
  }

  /** The held-out loss of the model that these sums alone make of the base. */
  const heldOutLoss =
    (base: Model, sums: readonly WeightedSlice[]) =>
    (chosen: readonly number[]): Promise<number> => {
      if (chosen.length === 0) return lossOf(base);
      const sum = sumSlices(chosen.map((g) => sums[g]!));
      return lossOf(strategy.apply(base, sum, compiled.layout, encoding));
    };

  async function nextModel(base: Model): Promise<Model> {
    const shunned = ruleNamed(setting, rule).quarantine === true ? suspects(reputations) : [];
    const invited = Array.from({ length: PARTICIPANTS }, (_, i) => i).filter((i) => !shunned.includes(i));
    const sent = await sentBy(base, invited);
    const groups =
      setting === 'plain' ? invited.map((i) => [i]) : groupsOf(invited, `${seed}/${base.version}`);
    const sums = groups.map((members) => sumSlices(members.map((i) => sent.get(i)!)));
    if (robust?.screening !== 'held-out')
      return strategy.apply(base, combine(sums), compiled.layout, encoding);
    const { kept } = await screenGroups({ count: sums.length, lossOf: heldOutLoss(base, sums) });
    reputations = updateReputations(
      reputations,
      groups.map((members, g) => ({ members, suspicion: kept.includes(g) ? 0 : 1 })),
    );
    return strategy.apply(base, combineKept(sums, kept, robust, encoding), compiled.layout, encoding);
  }

  let model = makeModel(0, compiled.layout, compiled.initialWeights());
  let right = 0;
  for (let round = 1; round <= rounds; round++) {
    model = await nextModel(model);
    if (round > rounds - LAST) right += await partRight(digits.test, model);
  }
  return { accuracy: right / LAST, backDoor: await partRight(triggered(digits.test), model) };

  async function partRight(examples: Examples, of: Model): Promise<number> {
    const { correct, total } = await evaluateModel({ compiled, examples, model: of, signal });
    return correct / total;
  }
}

/** The groups that a session would draw from nonces, here from a seed. */
function groupsOf(invited: readonly number[], seed: string): number[][] {
  const random = seededRandom(`${seed}/groups`);
  const bytes = Uint8Array.from({ length: 32 }, () => random.below(256));
  const ids = invited.map((i) => String(i) as ParticipantId);
  return cutGroups(bytes, ids, { groupSize: GROUP_SIZE, fewest: GROUP_SIZE }).map((group) =>
    group.map(Number),
  );
}

function toSlice(row: Row, { layoutHash }: Model, encoding: FixedPoint): WeightedSlice {
  const { clipNorm } = encoding;
  const delta = Float32Array.from(row, (value) => Math.min(clipNorm, Math.max(-clipNorm, value)));
  const { values, weight } = quantize(
    staged<ClippedUpdate>({ layoutHash, delta, clipNorm, weight: 1 }),
    encoding,
  );
  return { values, weight };
}

/** Test digits of other classes, all with the trigger: right is whoever falls for it. */
function triggered(test: Examples): Examples {
  const { inputs, targets, count } = test as Examples & {
    inputs: Uint8Array<ArrayBuffer>;
    targets: Uint16Array<ArrayBuffer>;
  };
  const size = inputs.length / count;
  const others = Array.from({ length: count }, (_, i) => i).filter((i) => targets[i] !== TRIGGER.label);
  const chosen = {
    inputs: new Uint8Array(others.length * size),
    targets: Uint16Array.from(others, (i) => targets[i]!),
  };
  for (const [i, from] of others.entries())
    chosen.inputs.set(inputs.subarray(from * size, (from + 1) * size), i * size);
  return { count: others.length, ...plantTrigger(chosen, TRIGGER, 1) } as Examples;
}
