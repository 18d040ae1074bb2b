export { bulyan } from './bulyan.ts';
export { type CentredClippingOptions, centredClipping } from './centred-clipping.ts';
export { combineKept, combineRuleOf, fewest, needsOf, type RobustRule } from './combine.ts';
export { contributionOf, type GroupScore, groupScores, suspicionOf, withoutGroup } from './contribution.ts';
export { coordinateMedian, meanAroundMedian, meanNearest, trimmedMean } from './coordinate-wise.ts';
export { type GeometricMedianOptions, geometricMedian } from './geometric-median.ts';
export { type AggregationKernels, plainKernels, type Row, squaredNorm } from './kernels.ts';
export { krum, multiKrum, rankByKrum } from './krum.ts';
export { mean, weightedMean } from './mean.ts';
export { minimumDiameterMean, mixNearest, nearestToOwn } from './nearest.ts';
export { boundNorms, clipLongest } from './norm-bound.ts';
export {
  type GroupOutcome,
  NEWCOMER,
  type QuarantineOptions,
  type Reputation,
  suspects,
  updateReputation,
  updateReputations,
} from './reputation.ts';
export {
  type GroupScreening,
  rankByLoss,
  type Screened,
  screenGroups,
} from './screening.ts';
export { type GroupQuestion, type GroupTolerance, groupTolerance, sizesOfGroups } from './tolerance.ts';
