/**
 * Area under the ROC curve: the probability that a positive has a higher score than a negative, ties counting half.
 * Exact, by the ranks of the sorted scores (Mann and Whitney 1947; Hanley and McNeil 1982). Unlike other metrics it
 * does not follow from those of parts.
 * @param isPositive one per score, nonzero for positives.
 * @returns undefined where there is no positive, or no negative.
 */
export function areaUnderRoc(
  scores: Float64Array | Float32Array,
  isPositive: ArrayLike<number>,
): number | undefined {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[a]! - scores[b]!);
  let positives = 0;
  let rankSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) end++;
    // Ranks from 1; those of one score share their mean.
    const rank = (start + 1 + end) / 2;
    for (let i = start; i < end; i++) {
      if (!isPositive[order[i]!]) continue;
      positives++;
      rankSum += rank;
    }
    start = end;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

export interface RankingQuality {
  /** For two classes that of the second; otherwise the mean over classes that are each told from the rest. */
  readonly area: number | undefined;
  /** Classes without an area of their own: no example, or nothing but examples, of them. */
  readonly classesLeftOut: number;
}

/** @param probabilities [targets.length × classes]. */
export function rankingQuality(
  probabilities: Float64Array,
  targets: ArrayLike<number>,
  classes: number,
): RankingQuality {
  const scores = new Float64Array(targets.length);
  const isPositive = new Uint8Array(targets.length);
  const areas: number[] = [];
  const first = classes === 2 ? 1 : 0;
  for (let k = first; k < classes; k++) {
    for (let i = 0; i < targets.length; i++) {
      scores[i] = probabilities[i * classes + k]!;
      isPositive[i] = targets[i] === k ? 1 : 0;
    }
    const area = areaUnderRoc(scores, isPositive);
    if (area !== undefined) areas.push(area);
  }
  return {
    area: areas.length === 0 ? undefined : areas.reduce((sum, area) => sum + area, 0) / areas.length,
    classesLeftOut: classes - first - areas.length,
  };
}
