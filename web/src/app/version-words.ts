import { counted, formatCount, formatPercent } from './format.ts';
import type { ModelVersion, VersionComparison } from './services.ts';

const SHOWN = 10;

/** The newest, and the best where it is older. */
export function shownVersions(newestFirst: readonly ModelVersion[]): readonly ModelVersion[] {
  return newestFirst.filter(({ best }, place) => place < SHOWN || best);
}

/** 0 to 1; undefined where nothing was measured, or where there is no right and wrong. */
export function accuracyOf({ evaluation }: Pick<ModelVersion, 'evaluation'>): number | undefined {
  if (evaluation === null || evaluation.total === 0) return undefined;
  return evaluation.correct / evaluation.total;
}

/** What is compared unless somebody chooses: the best with the newest, or the newest with the one before. */
export function comparedFirst(
  newestFirst: readonly ModelVersion[],
): [from: number | undefined, to: number | undefined] {
  const kept = newestFirst.filter(({ bytes }) => bytes !== null);
  const newest = kept[0];
  const other = kept.find(({ best }) => best && newest?.best === false) ?? kept[1];
  return [other?.version, newest?.version];
}

/** What became of the predictions, as sentences. */
export function predictionWords(
  predictions: NonNullable<VersionComparison['predictions']>,
): readonly string[] {
  const { total, changed, rightToWrong, wrongToRight, wrongToWrong } = predictions;
  if (changed === 0) return [`All ${formatCount(total)} predictions are the same.`];
  return [
    `${formatCount(changed)} of ${counted(total, 'prediction')} changed, ${formatPercent(changed / total)}.`,
    `${formatCount(wrongToRight)} became right, ${formatCount(rightToWrong)} became wrong${wrongToWrong === 0 ? '' : `, ${formatCount(wrongToWrong)} are wrong in another way`}.`,
  ];
}

/** How alike two directions are. @param cosine −1 to 1; null where one of them is zero. */
export function angleWords(cosine: number | null): string {
  return cosine === null ? '–' : (Math.round(cosine * 10_000) / 10_000).toString();
}
