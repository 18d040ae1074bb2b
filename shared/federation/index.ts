export { canonicalJson } from './canonical-json.ts';
export {
  type Activation,
  type Column,
  type DataSchema,
  type Federation,
  type FederationInput,
  federationSchema,
  formatPath,
  type ImageSchema,
  type LayerSpec,
  type ModelSpec,
  parseFederation,
  type RecordsSchema,
  type TabularSchema,
  type Target,
  type TrainingSpec,
} from './document.ts';
export { sampleFederations } from './samples.ts';
