import type { CompressionPlan, Pipeline, WireCost } from '../../../shared/compress/index.ts';
import type { ErrorRecord } from '../../../shared/errors/index.ts';
import type { Federation, FederationInput } from '../../../shared/federation/index.ts';
import type {
  ExportCheck,
  LedgerEntry,
  PrivacyUnit,
  SpendingLimit,
  Spent,
} from '../../../shared/ledger/index.ts';
import type { MetricReport } from '../../../shared/training/metric-report.ts';
import type { EvaluationCounts, TrainProgress } from '../../../shared/training/port.ts';
import type { Model } from '../../../shared/update/index.ts';
import type { PrivacyCalculator } from '../privacy/client.ts';
import type { SessionApi, SessionSnapshot } from '../session/snapshot.ts';
import type { BackendRequest, PersonalMethod, Verdict } from '../trainer/index.ts';
import type { DevicePolicy, DeviceState } from './device-policy.ts';
import type { Inspected } from './robust-words.ts';

/**
 * All that the page asks of the rest of the system. Views know these ports and nothing behind them;
 * `real-services.ts` is the one place that plugs in the workers, the storage and the server.
 * Every promise rejects with a MurmurationError or an ErrorRecord.
 */
export interface Services {
  readonly federations: FederationsService;
  readonly session: PageSession;
  readonly data: DataService;
  readonly model: ModelService;
  readonly versions: VersionsService;
  readonly personal: PersonalService;
  readonly compression: CompressionService;
  readonly settings: SettingsService;
  readonly consents: ConsentService;
  readonly ledger: LedgerService;
  readonly calculator: PrivacyCalculator;
  readonly device: DeviceService;
  readonly backends: BackendsService;
  readonly server: ServerReachability;
  readonly transcripts: TranscriptsService;
  readonly rights: RightsService;
}

export type Unsubscribe = () => void;

/** Whether the server answered the last request that was made to it: facts, not navigator.onLine. */
export interface ServerReachability {
  readonly reachable: boolean;
  /** What a request that went another way found out. */
  report(reachable: boolean): void;
  subscribe(listener: (reachable: boolean) => void): Unsubscribe;
}

export interface FederationsService {
  /** Every federation the server offers, or, without the server, those this device remembers. */
  list(signal?: AbortSignal): Promise<Cached<readonly Federation[]>>;
  get(id: string, signal?: AbortSignal): Promise<Cached<Federation>>;
  /** @throws `federation.invalid` with the path of the bad field, before anything is sent. */
  validate(text: string): Promise<Federation>;
  /** @throws what `validate` throws, or the server's refusal. */
  create(document: FederationInput, signal?: AbortSignal): Promise<Federation>;
}

export interface Cached<T> {
  readonly value: T;
  /** `device`: the server did not answer, and this is what was last seen of it. */
  readonly from: 'server' | 'device';
}

export interface SessionService extends SessionApi {
  /** The newest snapshot, a few times a second while a session runs. Undefined: no session. */
  subscribe(listener: (snapshot: SessionSnapshot | undefined) => void): Unsubscribe;
}

/** The session as the page has it: loaded when needed, and gone on with after a reload. */
export interface PageSession extends SessionService {
  /** Settles when a session that a reload interrupted was joined again. Rejects when it could not be. */
  readonly restored: Promise<void>;
  /** What it trains on; undefined before anybody joined. */
  readonly datasetId: string | undefined;
}

export interface DatasetInfo {
  readonly id: string;
  readonly name: string;
  readonly examples: number;
  readonly bytes: number;
  readonly createdAtMs: number;
  /** What the examples are, in words: "Images, 28 × 28, grey" or "Table, 8 columns". */
  readonly shape: string;
  readonly sample: boolean;
}

export interface ColumnSummary {
  readonly name: string;
  readonly type: 'number' | 'category';
  readonly missing: number;
  /** For numbers. */
  readonly range?: { readonly min: number; readonly max: number; readonly mean: number };
  /** The most frequent values first. */
  readonly counts?: readonly { readonly value: string; readonly count: number }[];
  /** How many different values there are, where not all are in `counts`. */
  readonly distinct?: number;
}

export interface DatasetSummary {
  readonly columns: readonly ColumnSummary[];
  /** A few examples as text, one row each, for tables and records. */
  readonly preview?: { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] };
  /** A few examples as grey or RGB pixels, for images. */
  readonly images?: readonly PreviewImage[];
}

export interface PreviewImage {
  readonly label: string;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array;
}

export interface ImportIssue {
  /** Counted as a person would, the header not included. */
  readonly row: number | undefined;
  readonly column: string | undefined;
  readonly message: string;
}

/** A file that was read and checked, and is not stored yet. */
export interface ImportDraft {
  readonly suggestedName: string;
  readonly examples: number;
  readonly summary: DatasetSummary;
  /** The first of them; `issueCount` says how many there are. Rows with issues are not imported. */
  readonly issues: readonly ImportIssue[];
  readonly issueCount: number;
  /** Columns the federation asks for that no column of the file matches by name, and those left to choose from. */
  readonly columnsToMatch:
    | { readonly wanted: readonly string[]; readonly available: readonly string[] }
    | undefined;
  /** Why nothing of it can be kept as it is. */
  readonly blocked: ErrorRecord | undefined;
  commit(name: string, onProgress: (progress: Progress) => void): Promise<DatasetInfo>;
  discard(): Promise<void>;
}

export interface Progress {
  /** What is being done, in words. */
  readonly label: string;
  readonly doneBytes: number;
  /** Undefined while it is not known. */
  readonly totalBytes: number | undefined;
  readonly rows: number;
}

export interface ImportOptions {
  readonly federation: Federation;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

export interface ReadOptions extends ImportOptions {
  /** The label of all images, when they do not lie in a folder per label. */
  readonly label?: string | undefined;
  /** Column of the federation → column of the file, where the names do not tell. */
  readonly mapping?: Readonly<Record<string, string>> | undefined;
}

export interface SampleOptions extends ImportOptions {
  /** Which part of the sample; different parts hold different examples. Undefined: one not held yet. */
  readonly shard: number | undefined;
  readonly examples: number;
  /** `label`: each part holds only some of the labels. */
  readonly split: 'iid' | 'label';
}

export interface DataService {
  list(): Promise<readonly DatasetInfo[]>;
  /** Those that fit the federation's schema. */
  compatible(federation: Federation): Promise<readonly DatasetInfo[]>;
  summary(id: string): Promise<DatasetSummary>;
  read(files: readonly File[], options: ReadOptions): Promise<ImportDraft>;
  importSample(options: SampleOptions): Promise<DatasetInfo>;
  /** Can be undone for half a minute. */
  remove(id: string): Promise<void>;
  undoRemove(id: string): Promise<void>;
  subscribe(listener: () => void): Unsubscribe;
}

export interface ModelInfo {
  readonly version: number;
  readonly hash: string;
  readonly parameters: number;
  readonly from: 'device' | 'server';
}

/** What a person typed or drew, not encoded yet. */
export type ModelInput =
  | { readonly kind: 'image'; readonly pixels: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'tabular'; readonly cells: Readonly<Record<string, string>> }
  | { readonly kind: 'records'; readonly features: readonly number[] }
  | { readonly kind: 'tokens'; readonly tokens: readonly number[] };

export type Prediction =
  | { readonly kind: 'class'; readonly probabilities: readonly number[] }
  | { readonly kind: 'value'; readonly value: number };

export interface ModelService {
  /** The newest model of this federation on this device, else the server's; undefined: none was trained yet. */
  latest(federation: Federation, signal?: AbortSignal): Promise<ModelInfo | undefined>;
  /**
   * @param opened asks this model instead of the newest.
   * @throws `data.*` naming the field that cannot be used.
   */
  predict(
    federation: Federation,
    input: ModelInput,
    signal?: AbortSignal,
    opened?: OpenedModel,
  ): Promise<Prediction>;
  /** `weights`: little-endian float32. `json`: the federation, the layout and the weights as numbers. */
  download(federation: Federation, format: 'weights' | 'json'): Promise<Blob>;
  readonly files: ModelFilesService;
}

export interface SavedFile {
  readonly name: string;
  readonly blob: Blob;
}

/** A model from files, or `own`: one that was made here. It fits the federation and stays on this device. */
export interface OpenedModel {
  /** Of the files, as the person knows them. */
  readonly name: string;
  readonly format: 'safetensors' | 'keras' | 'json' | 'own';
  /** What was read otherwise than it stands in the files. */
  readonly notes: readonly string[];
  readonly model: Model;
}

export interface ModelFilesService {
  /** The newest model. @throws `model.unsupported` when Keras has no such layer, `model.unavailable`. */
  save(
    federation: Federation,
    format: 'safetensors' | 'keras',
    signal?: AbortSignal,
  ): Promise<readonly SavedFile[]>;
  /** @throws `model.layout-mismatch` that lists what differs, `model.corrupt`, `model.unsupported`, `model.invalid`. */
  open(federation: Federation, files: readonly File[], signal?: AbortSignal): Promise<OpenedModel>;
  /** How right a model is about all examples of a dataset: the opened one, or the newest. Nothing is sent. */
  evaluate(
    federation: Federation,
    datasetId: string,
    opened: OpenedModel | undefined,
    signal: AbortSignal,
  ): Promise<MetricReport>;
}

/** What one participant sends and receives in a round, before any round. */
export interface CompressionForecast {
  /** Undefined where the document names the stages, or none. */
  readonly budgetBytes: number | undefined;
  /** Of a round without compression. */
  readonly plain: WireCost;
  readonly chosen: Pipeline;
  /** What a budget was weighed among; empty without one. */
  readonly considered: CompressionPlan['considered'];
}

export interface CompressionService {
  /** @throws `compress.no-pipeline` with the arithmetic, where no compression fits the byte budget. */
  forecast(federation: Federation): Promise<CompressionForecast>;
}

/** A version of the shared model, as the server lists it. */
export interface ModelVersion {
  readonly version: number;
  readonly hash: string;
  /** How many updates are in it. */
  readonly survivors: number;
  readonly evaluation: EvaluationCounts | null;
  /** Of all that were evaluated. */
  readonly best: boolean;
  /** Nobody trained: the model went back to this version. */
  readonly rollback: number | null;
  /** Of the weights that the server keeps; null where it keeps none. */
  readonly bytes: number | null;
}

export interface VersionFigures {
  readonly version: number;
  readonly hash: string;
  /** 0 to 1; null, as the others, where the server has no held-out examples. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  readonly examples: number | null;
}

export interface WeightDistance {
  readonly l2: number;
  readonly relative: number | null;
  readonly cosine: number | null;
}

export interface VersionComparison {
  readonly from: VersionFigures;
  readonly to: VersionFigures;
  readonly distance: WeightDistance & {
    readonly layers: readonly (WeightDistance & { readonly name: string })[];
  };
  /** On held-out examples, for class targets. */
  readonly predictions: {
    readonly total: number;
    readonly changed: number;
    readonly rightToWrong: number;
    readonly wrongToRight: number;
    readonly wrongToWrong: number;
  } | null;
}

export interface VersionsService {
  /** The newest first, at most a thousand. @throws `http.unavailable` without the server, which alone has them. */
  list(federation: Federation, signal?: AbortSignal): Promise<readonly ModelVersion[]>;
  /** @throws `http.unavailable`, and what the server refuses, such as a version that it does not keep. */
  compare(federation: Federation, from: number, to: number, signal?: AbortSignal): Promise<VersionComparison>;
}

/** A model of this device's own, made of the shared one and one dataset. It is never sent. */
export interface PersonalModel {
  readonly method: PersonalMethod;
  /** Version of the shared model that it was made of, or pulled towards, last. */
  readonly sharedVersion: number;
  readonly atMs: number;
  readonly model: Model;
  /** Both on the tenth of the dataset that was held out. */
  readonly measured: { readonly shared: MetricReport; readonly own: MetricReport };
}

export interface PersonalService {
  /** Undefined where there is none, or one of a model of another shape. */
  of(federation: Federation, datasetId: string): Promise<PersonalModel | undefined>;
  /** Trains on nine tenths of the dataset, measures on the rest, keeps it. @throws `training.cancelled`, `data.*`, `model.unavailable`. */
  train(
    federation: Federation,
    datasetId: string,
    method: PersonalMethod,
    onProgress: (progress: TrainProgress) => void,
    signal: AbortSignal,
  ): Promise<PersonalModel>;
  remove(federation: Federation, datasetId: string): Promise<void>;
}

export type Theme = 'system' | 'light' | 'dark';

export interface Settings extends DevicePolicy {
  readonly theme: Theme;
  /** What trains: the fastest that works, or this one as long as it works. */
  readonly backend: BackendRequest;
  /** Keep the screen on during a session. */
  readonly keepAwake: boolean;
  /** Tell coordinators that select by resources how fast this device is. */
  readonly reportsSpeed: boolean;
}

export interface SettingsService {
  readonly current: Settings;
  change(settings: Partial<Settings>): Promise<void>;
  subscribe(listener: (settings: Settings) => void): Unsubscribe;
  identityId(): Promise<string>;
  storage(): Promise<StorageUsage>;
  /** Data, models, identity, ledger, consents and settings. Nothing can bring them back. */
  deleteEverything(): Promise<void>;
}

/** What the browser tells of the device, as it changes. */
export interface DeviceService {
  readonly state: DeviceState;
  subscribe(listener: (state: DeviceState) => void): Unsubscribe;
}

/** What was measured on this device, model by model. */
export interface BackendsService {
  /** The newest first. */
  list(): Promise<readonly Verdict[]>;
  /** Tries every backend on the federation's model now, and remembers which is fastest. */
  measure(federationId: string, signal: AbortSignal): Promise<void>;
}

export interface StorageUsage {
  readonly usedBytes: number;
  readonly quotaBytes: number | undefined;
  /** Whether the browser promised not to clear it on its own. */
  readonly persistent: boolean;
}

/** What a person agreed to: one document of one federation, with one dataset. */
export interface Consent {
  readonly federationId: string;
  readonly revision: number;
  readonly datasetId: string;
  readonly atMs: number;
  /** {@link documentHash} of what was read; agreements of before have none, and are asked for again. */
  readonly documentHash?: string;
  /** What of the document it was about, to show a change of it; agreements of before have none. */
  readonly terms?: AgreedTerms;
}

/** The part of a federation that decides what leaves a device. */
export interface AgreedTerms extends Pick<Federation, 'privacy' | 'paths' | 'evaluation'> {
  readonly minParticipants: number;
  readonly clipNorm: number;
  /** What the server looks at one by one; agreements of before there were robust rules have none. */
  readonly inspected?: Inspected;
  /** `device`: participants are asked how fast they are. */
  readonly selection?: 'device' | 'other';
  /** What goes with an update: in words, since it is only ever shown. */
  readonly along?: string;
}

export interface ConsentService {
  of(federationId: string): Consent | undefined;
  /** Whether exactly this document was agreed to: another one under the same revision was not. */
  covers(federation: Federation): boolean;
  /** Agrees to this document, now; an agreement to the same one keeps its time. */
  agree(federation: Federation, datasetId: string): Promise<void>;
  /** Puts an agreement back, as it was. */
  give(consent: Consent): Promise<void>;
  withdraw(federationId: string): Promise<void>;
}

/** What one dataset has spent, in all federations together; imported twice or deleted, it is still the same. */
export interface DatasetBudget {
  /** Names the ledger in {@link LedgerService.setLimit} and {@link LedgerService.treatAsSpent}. */
  readonly ledger: string;
  /** The dataset's, as it was called last. */
  readonly name: string;
  /** Those on this device that hold this data; empty when all were deleted. */
  readonly datasetIds: readonly string[];
  readonly records: number | undefined;
  readonly releases: number;
  /** Why nothing can be said of what was spent, and nothing be released until a person decides. */
  readonly locked: ErrorRecord | undefined;
  readonly spent: Readonly<Record<PrivacyUnit, Spent>>;
  readonly limit: SpendingLimit | undefined;
  /** At least 80 % of the limit. */
  readonly isNearLimit: boolean;
  /** What each federation spent of it. */
  readonly federations: readonly FederationSpending[];
  /** After each release, oldest first; of very many, evenly chosen ones and the last. */
  readonly history: readonly SpendingPoint[];
  /** Entries whose time lies before that of the entry they follow: the clock was set back. */
  readonly setBacks: number;
}

export interface FederationSpending {
  /** Undefined for releases recorded before ledgers named it. */
  readonly federation: string | undefined;
  readonly releases: number;
  readonly spent: Readonly<Record<PrivacyUnit, Spent>>;
}

export interface SpendingPoint {
  /** Counted from 1. */
  readonly release: number;
  readonly run: string;
  readonly round: number;
  readonly atMs: number;
  readonly epsilon: Readonly<Record<PrivacyUnit, number>>;
}

/** What one more round would do, before it is done. */
export interface RoundForecast {
  /** The bounds that hold, the federation's first. */
  readonly bounds: readonly BoundForecast[];
  /** Without any bound: what the dataset has spent and would have spent. */
  readonly before: Readonly<Record<PrivacyUnit, Spent>>;
  readonly after: Readonly<Record<PrivacyUnit, Spent>>;
  /** Rounds that still fit all bounds, counted up to the federation's maximum; undefined: no bound, no end. */
  readonly roundsLeft: number | undefined;
  /** Why the device will not take part. */
  readonly refusal: ErrorRecord | undefined;
}

export interface BoundForecast {
  /** Whose bound: the federation's on what it may spend, or this device's on the dataset. */
  readonly of: 'federation' | 'device';
  readonly limit: SpendingLimit;
  readonly before: Spent;
  readonly after: Spent;
  /** At least 80 % of it is spent after the round. */
  readonly isNear: boolean;
}

export interface LedgerService {
  /** How many releases are recorded. @throws `ledger.broken-chain` when one was altered. */
  count(): Promise<number>;
  /** The newest releases, at most so many, newest first. @throws `ledger.broken-chain`. */
  recent(limit: number): Promise<readonly LedgerEntry[]>;
  /** All ledgers, that of the newest release first; a broken one is among them, locked. */
  budgets(): Promise<readonly DatasetBudget[]>;
  /** Of a dataset on this device, whether it was ever trained on or not. */
  budgetOf(datasetId: string): Promise<DatasetBudget>;
  forecast(federation: Federation, datasetId: string): Promise<RoundForecast>;
  /** The most this device will spend of a dataset; undefined: no limit. It holds from the next round on. */
  setLimit(ledger: string, limit: SpendingLimit | undefined): Promise<void>;
  /**
   * A person's decision on a broken ledger: it begins anew with an entry that says that everything was spent. What was
   * found is kept beside it. From then on only federations that promise nothing can use the dataset.
   */
  treatAsSpent(ledger: string): Promise<void>;
  /** All entries with their hashes and what they add up to, as JSON. */
  export(): Promise<Blob>;
  /** Checks an exported file, of this device or another. @throws `argument.invalid` when it is no such file. */
  check(file: Blob): Promise<ExportCheck>;
  /** Called when a release was written or a limit was set, in this tab or another. */
  subscribe(listener: () => void): Unsubscribe;
}

/** One statement that the check of a transcript makes, and whether it holds. */
export interface TranscriptFinding {
  readonly what: string;
  readonly ok: boolean;
}

/** Signed records of this device's secure rounds; of the last three of a run. */
export interface TranscriptsService {
  /** Saves it as a file. @throws when it is not kept (any more). */
  download(run: string, round: number): Promise<void>;
  /** @throws when it is not kept (any more), `secagg.transcript-invalid`. */
  check(run: string, round: number): Promise<readonly TranscriptFinding[]>;
}

/** What this device may ask of the server about itself; each request is signed with its key. @throws what the server refuses. */
export interface RightsService {
  withdraw(federationId: string): Promise<void>;
  /** After a withdrawal, also by an operator: connecting again does not count as agreeing. */
  agreeAgain(federation: Federation): Promise<void>;
  /** Does so where this device withdrew. */
  agreeIfWithdrawn(federation: Federation): Promise<void>;
  /** Everything that the server has about this device (GDPR, Article 20), as JSON. */
  download(): Promise<Blob>;
  /** Deletes this device at the server (Article 17). @returns the signed receipt, as JSON. */
  erase(): Promise<Blob>;
}

export type { ErrorRecord, ExportCheck, PersonalMethod, PrivacyUnit, SpendingLimit, Spent };
