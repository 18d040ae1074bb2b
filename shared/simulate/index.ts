export { iidPartition, type Partition, shardPartition } from './partition.ts';
export { bestSoFar, type CurvePoint, roundsToTarget } from './rounds-to-target.ts';
export {
  type Compute,
  type SimulatedRound,
  type SimulationNotice,
  type SimulationOptions,
  simulateRounds,
  type UpdateSizes,
} from './simulate-rounds.ts';
