import type { WeightedSlice } from '../../shared/aggregate/index.ts';
import type { Federation } from '../../shared/federation/index.ts';
import type { EngineReport } from '../engines/choose-engine.ts';

export interface CombineSetup {
  readonly federation: Federation;
}
export interface CombineJob {
  readonly parts: readonly WeightedSlice[];
}
export interface CombineReady {
  readonly engine: EngineReport;
}
