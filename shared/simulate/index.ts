export { ATTACKS, type Attack, type AttackType } from './attackers.ts';
export { iidPartition, type Partition, shardPartition } from './partition.ts';
export {
  createPopulation,
  type Device,
  drawLogNormal,
  drawNormal,
  type LogNormal,
  type Population,
  type PopulationOptions,
  sampleClients,
} from './population.ts';
export { bestSoFar, type CurvePoint, roundsToTarget } from './rounds-to-target.ts';
export {
  type PopulationCompute,
  type PopulationRound,
  type PopulationSimulation,
  simulatePopulation,
} from './simulate-population.ts';
export {
  type Compute,
  type SimulatedRound,
  type SimulationOptions,
  simulateRounds,
} from './simulate-rounds.ts';
export type { UpdateSizes } from './update-sizes.ts';
export type { SimulationNotice } from './world.ts';
