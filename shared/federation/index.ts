export { canonicalJson } from './canonical-json.ts';
export {
  type Column,
  type CompressionSpec,
  type DataSchema,
  type Federation,
  type FederationInput,
  federationSchema,
  formatPath,
  type ImageSchema,
  type ModelInput,
  type ModelSpec,
  type OptimizerSpec,
  type ParticipantPrivacy,
  type PrivacyBudget,
  parseFederation,
  type RecordPrivacy,
  type RecordsSchema,
  type RobustSpec,
  type ServerOptimizer,
  type Strategy,
  type TabularSchema,
  type Target,
  type TokensSchema,
  type TrainingSpec,
} from './document.ts';
export {
  MESH_GROUP,
  mostParticipants,
  SECURE_MINIMUM,
  secureThreshold,
  smallestGroup,
} from './group-limits.ts';
export { type Inspected, inspectedBy } from './inspected.ts';
export { type Activation, type LayerSpec, modelSchema } from './model-schema.ts';
export { combinesGroups, isPlainMean, type RobustNeed, robustNeedOf } from './robust-rules.ts';
export { sampleFederations } from './samples.ts';
export { enoughOf } from './selection-rules.ts';
export { strategyExtras, strategySlots } from './strategy-extras.ts';
export { policyHash, policyTerms, type Terms } from './terms.ts';
export { trainingSchema } from './training-schema.ts';
