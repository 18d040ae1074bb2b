export { type Client, type ClientOptions, createClient, everything } from './create-client.ts';
export type { LiveClient, LiveEvent, LiveListener, Topic } from './live.ts';
export type { FetchPort, RequestOptions, TokenSource } from './request.ts';
export type {
  AccessKey,
  Alert,
  AlertKind,
  AuditEntry,
  Checksum,
  DrainState,
  FederationSettings,
  Invitation,
  NewKey,
  Page,
  PageQuery,
  PrivacyBudget,
  Promotion,
  Role,
  Run,
  StartTraining,
  SubjectKind,
  Training,
  TrainingConfig,
  TrainingMetrics,
  TrainingStatus,
  Version,
} from './types.ts';
