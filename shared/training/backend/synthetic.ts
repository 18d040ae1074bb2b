import type { Examples } from '../../dataset/examples.ts';
import { seededRandom } from '../../random/index.ts';
import type { CompiledModel } from '../model/compile.ts';

/** Noise in the shape that the model takes, with arbitrary targets: for checking and timing, learning nothing. */
export function syntheticExamples(compiled: CompiledModel, count: number): Examples {
  const random = seededRandom('synthetic examples');
  const { inputKind } = compiled;
  const input =
    inputKind === 'numbers' ? () => 4 * random.uniform() - 2 : () => random.below(inputKind.vocabulary);
  const inputs = Float32Array.from({ length: count * compiled.inputSize }, input);
  const length = count * compiled.targetsPerExample;
  const targets =
    compiled.target === 'class'
      ? Uint16Array.from({ length }, () => random.below(compiled.classes))
      : Float32Array.from({ length }, () => 4 * random.uniform() - 2);
  return { count, inputs, targets };
}
