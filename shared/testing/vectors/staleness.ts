import { stalenessWeight } from '../../aggregate/index.ts';
import { has, type Inputs, type QuestionVector, type Results, unsupported } from './vector.ts';

/**
 * Weights of stale updates. FLSim divides by the weight of an average staleness; NVFlare has 1 / (1 + √gap); the rules of a
 * constant and of a threshold are FLSim's, the hinge is FedAsync's (Xie et al. 2019, section 5).
 */
export function stalenessVector(vector: QuestionVector): Results {
  const { inputs } = vector;
  const behind: number | readonly number[] | undefined =
    inputs.staleness ?? inputs.version_gap ?? inputs.versions_behind ?? inputs.tau;
  if (behind === undefined) return unsupported(vector);
  const weigh = ruleOf(vector);
  return typeof behind === 'number' ? { weight: weigh(behind) } : { weights: behind.map(weigh) };
}

function ruleOf({ inputs, source = '', name }: QuestionVector): (behind: number) => number {
  const words = `${name} ${source}`;
  if (has(inputs, 'version_gap') || /nvflare/i.test(words))
    return inputs.staleness_weight === false
      ? () => 1
      : (gap) => 1 / (1 + stalenessWeight(gap - 1, 0.5) ** -1);
  const raw = rawRuleOf(inputs, words);
  const average: number = inputs.avg_staleness ?? inputs.average_staleness ?? 0;
  return (behind) => raw(behind) / raw(average);
}

function rawRuleOf(inputs: Inputs, words: string): (behind: number) => number {
  if (has(inputs, 'cutoff', 'value_after_cutoff'))
    return (behind) => (behind <= inputs.cutoff ? 1 : inputs.value_after_cutoff);
  if (has(inputs, 'a', 'b'))
    return (behind) => (behind <= inputs.b ? 1 : 1 / (inputs.a * (behind - inputs.b) + 1));
  if (/constant/i.test(words)) return () => 1;
  const exponent: number = inputs.exponent ?? inputs.staleness_exponent ?? inputs.a ?? inputs.alpha ?? 0.5;
  return (behind) => stalenessWeight(behind, exponent);
}
