export {
  type BackendActivation,
  type BackendCandidate,
  type BackendReport,
  chooseBackend,
} from './backend/choose.ts';
export { type Evaluation, evaluateModel, type Prediction, predict } from './evaluate.ts';
export { registerMissingWasmKernels } from './kernels/index.ts';
export { type CompiledModel, compileModel, MAX_PARAMETERS } from './model/compile.ts';
export type {
  EvaluateJob,
  EvaluationCounts,
  Trainer,
  TrainJob,
  TrainProgress,
  TrainResult,
} from './port.ts';
export { type LocalTraining, trainLocally } from './train.ts';
