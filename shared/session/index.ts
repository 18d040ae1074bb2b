export type { AggregateReport, PartOutcome } from './aggregator.ts';
export type { CoordinatorOrder, RunLimits } from './coordinator/orders.ts';
export type { CoordinatorState, FinishReason } from './coordinator/state.ts';
export {
  createNode,
  type NodeObserver,
  type NodeOptions,
  type NodeState,
  type SessionNode,
} from './drive.ts';
export type { Judge } from './judge.ts';
export type { AttemptPhase, ParticipantState, ParticipantStatus } from './participant/state.ts';
export { type ProtectedUpdate, plannedRelease, protectUpdate, type RoundFacts } from './pipeline.ts';
export type {
  Clock,
  EvaluateJob,
  EvaluationCounts,
  MemoryKey,
  MemoryKind,
  Store,
  Trainer,
  TrainJob,
  TrainProgress,
  TrainResult,
} from './ports.ts';
export type { SecureTools } from './secure-host.ts';
