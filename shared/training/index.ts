export {
  type BackendActivation,
  type BackendCandidate,
  type BackendReport,
  chooseBackend,
  type PassedOver,
} from './backend/choose.ts';
export { conformanceFault } from './backend/conformance.ts';
export { PROBES, probesFor } from './backend/probe-table.ts';
export {
  type Evaluation,
  evaluateModel,
  type Measurement,
  measureModel,
  type Prediction,
  predict,
} from './evaluate.ts';
export { registerMissingWasmKernels } from './kernels/index.ts';
export type { Metric, MetricName, MetricReport } from './metric-report.ts';
export { type CompiledModel, compileModel, MAX_PARAMETERS } from './model/compile.ts';
export { createPacer, FULL_PACE, type PaceLimits, type Pacer } from './pace.ts';
export { fineTuneHead, headOf, type Personal, type Personalization, trainDitto } from './personalize.ts';
export type {
  EvaluateJob,
  EvaluationCounts,
  Trainer,
  TrainJob,
  TrainProgress,
  TrainResult,
} from './port.ts';
export {
  type ExampleShards,
  type ExampleSource,
  memorySource,
  type Rows,
  streamedSource,
} from './source.ts';
export { type LocalTraining, trainLocally } from './train.ts';
