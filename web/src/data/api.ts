import type {
  ColumnMapping,
  ColumnSummary,
  Dialect,
  DialectHints,
  InferOptions,
  MappingProposal,
  ProblemReport,
  SchemaDraft,
  SplitOptions,
} from '../../../shared/dataset/index.ts';
import type { ErrorRecord } from '../../../shared/errors/index.ts';
import type { DataSchema } from '../../../shared/federation/index.ts';
import type { DatasetInfo } from '../storage/index.ts';

/** A file and where it lay: `webkitRelativePath` does not survive the way into a worker. */
export interface ImportFile {
  readonly file: File;
  /** `digits/7/0001.png` when a folder was chosen; else the name. */
  readonly path: string;
}

export interface ImportOptions extends Pick<DialectHints, 'delimiter' | 'header'>, InferOptions {
  /** Which column of the file feeds which of the schema, where names do not tell. */
  readonly mapping?: ColumnMapping;
  /** The label of all images, when they were not chosen by folder. */
  readonly label?: string;
}

export interface ImportProgress {
  readonly phase: 'reading' | 'storing' | 'downloading';
  readonly doneBytes: number;
  /** Undefined while it is not known. */
  readonly totalBytes: number | undefined;
  readonly rows: number;
}

export interface PreviewImage {
  readonly label: string;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly pixels: Uint8Array<ArrayBuffer>;
}

/** A file that was read, checked and encoded, and is not stored yet. */
export interface ImportPreview extends ProblemReport {
  readonly importId: string;
  readonly suggestedName: string;
  readonly kind: DataSchema['kind'];
  /** The federation's schema, or the draft made from the file. */
  readonly schema: DataSchema;
  /** Present when no schema was given: what in it comes from the data. */
  readonly draft?: Omit<SchemaDraft, 'schema'>;
  /** Rows of data, records or images in the file. */
  readonly rows: number;
  /** Those without an error. */
  readonly examples: number;
  readonly classCounts?: Readonly<Record<string, number>>;
  /** Tables only. */
  readonly dialect?: Dialect;
  readonly mapping?: MappingProposal;
  readonly columns: readonly ColumnSummary[];
  /** The first 20 rows as text; for records, features and label. */
  readonly firstRows?: { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] };
  /** The first 20 images as they will be trained on. */
  readonly images?: readonly PreviewImage[];
  /** Why nothing can be imported yet, such as `data.missing-column`: other options may help. */
  readonly blocked?: ErrorRecord;
}

export interface CommitOptions {
  readonly name?: string;
  readonly federationId?: string;
  /** Import the rows without errors and leave the others out. By default one bad row refuses the import. */
  readonly skipInvalidRows?: boolean;
}

export interface SampleImport extends Omit<SplitOptions, 'shard'> {
  /** By default one that this device does not hold yet, at random. */
  readonly shard?: number;
  readonly federationId?: string;
}

export type ReportProgress = (progress: ImportProgress) => void;

/** What crosses the worker's boundary: classes of errors do not, so failures are values. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorRecord };

/** The worker's side. `job` names a call, so that `cancel` can end it. */
export interface DataWorkerApi {
  importFiles(
    job: string,
    files: readonly ImportFile[],
    schema: DataSchema | undefined,
    options: ImportOptions,
    onProgress: ReportProgress,
  ): Promise<Outcome<ImportPreview>>;
  commit(
    job: string,
    importId: string,
    options: CommitOptions,
    onProgress: ReportProgress,
  ): Promise<Outcome<DatasetInfo>>;
  discard(importId: string): Promise<Outcome<void>>;
  importSampleDigits(
    job: string,
    sample: SampleImport,
    onProgress: ReportProgress,
  ): Promise<Outcome<DatasetInfo>>;
  cancel(job: string): void;
}
