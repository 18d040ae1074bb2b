export { type DecimalSeparator, isMissing, labelIndex, parseNumber } from './cell.ts';
export {
  type ColumnMapping,
  type MappingProposal,
  proposeMapping,
  resolveColumns,
  schemaColumnNames,
} from './column-mapping.ts';
export { type ColumnSummarizer, type ColumnSummary, summarizeColumns } from './column-summary.ts';
export { checkEnoughExamples, dataNotices } from './data-notices.ts';
export { type Dialect, type DialectHints, sniffDialect } from './dialect.ts';
export {
  bytesPerExample,
  classCounts,
  type EncodedTarget,
  type ExampleBuilder,
  type ExampleFormat,
  emptyExamples,
  exampleBuilder,
  exampleFormat,
} from './example-builder.ts';
export {
  classCount,
  type Examples,
  inputShape,
  inputSize,
  sliceExamples,
  targetLabels,
  targetsPerExample,
} from './examples.ts';
export { holdOut, holdOutRows } from './hold-out.ts';
export { type IdxArray, isIdx, readIdx } from './idx.ts';
export { type DecodedImage, encodeImage, folderLabel } from './image.ts';
export { type InferOptions, inferSchema, type SchemaDraft } from './infer-schema.ts';
export { type JsonSplitter, type JsonText, jsonSplitter } from './json-splitter.ts';
export {
  collectProblems,
  type DataProblem,
  type ProblemCollector,
  type ProblemReport,
  refusal,
  shortened,
} from './problems.ts';
export { type JsonRow, type RecordSummarizer, recordEncoder, summarizeRecords } from './record-encoder.ts';
export { readSampleShard, type SampleShard, sampleExamples, writeSampleShard } from './sample-format.ts';
export {
  MAX_REQUEST_DIGITS,
  type SampleRequest,
  type SplitOptions,
  sampleRequest,
  shardCount,
  TRAIN_DIGITS,
} from './sample-split.ts';
export { schemaHash } from './schema-hash.ts';
export { type RowEncoder, tableEncoder } from './table-encoder.ts';
export { type DataRow, type TableReader, tableReader } from './table-reader.ts';
export { type TextSplitter, textSplitter } from './text-splitter.ts';
export { byteWindowEncoder, tokenEncoder } from './token-encoder.ts';
