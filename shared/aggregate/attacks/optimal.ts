import { checkFinite, checkInteger } from '../../errors/index.ts';
import { mean, type Row } from '../robust/index.ts';
import { squaredDistance } from '../robust/kernels.ts';

export interface SearchOptions {
  /** Times that the rule may be tried. */
  readonly evaluations?: number;
  readonly start?: number;
  /** First step; doubled while it leads further, multiplied by `ratio` from then on. */
  readonly step?: number;
  readonly ratio?: number;
}

/**
 * An attack with the factor that takes a known rule furthest from the mean of the honest: a line search, as in ByzFL's optimal
 * inner-product manipulation and a-little-is-enough (Allouah et al. 2023, "Fixing by Mixing", appendix; the steps of ByzFL).
 * @param attack the row that liars send with this factor.
 * @param rule of the honest rows followed by those of the liars.
 */
export function mostHarmful(
  honest: readonly Row[],
  liars: number,
  attack: (honest: readonly Row[], factor: number) => Row,
  rule: (rows: readonly Row[]) => Row,
  { evaluations = 20, start = 0, step = 10, ratio = 0.8 }: SearchOptions = {},
): { readonly row: Row; readonly factor: number } {
  checkInteger('liars', liars, 0, 1e6);
  checkInteger('evaluations', evaluations, 1, 1e6);
  checkFinite('ratio', ratio, 0, 1);
  const truth = mean(honest);
  const harmOf = (factor: number): number => {
    const lie = attack(honest, factor);
    const result = rule([...honest, ...Array.from({ length: liars }, () => lie)]);
    return Math.sqrt(squaredDistance(result, truth));
  };
  let factor = start;
  let harm = harmOf(factor);
  let size = step;
  let isGrowing = true;
  for (let left = evaluations - 1; left > 0; left--) {
    const tried = harmOf(factor + size);
    if (tried > harm) {
      factor += size;
      harm = tried;
      size *= isGrowing ? 2 : ratio;
    } else {
      isGrowing = false;
      size *= ratio;
    }
  }
  return { row: attack(honest, factor), factor };
}
