export type {
  CommitOptions,
  ImportFile,
  ImportOptions,
  ImportPreview,
  ImportProgress,
  PreviewImage,
  ReportProgress,
  SampleImport,
} from './api.ts';
export { createDataClient, type DataClient } from './client.ts';
export {
  deleteDataset,
  fits,
  getDataset,
  listDatasets,
  loadExamples,
  tidyUp,
  undoDelete,
} from './datasets.ts';
export { digitsSchema, loadSampleTest } from './sample.ts';
