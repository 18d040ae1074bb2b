export type { DatasetInfo } from './dataset-info.ts';
export { openShards } from './dataset-shards.ts';
export {
  createDataset,
  type DatasetWriter,
  deleteDataset,
  getDataset,
  listDatasets,
  loadExamples,
  purgeTrash,
  sweepOrphans,
  throwIfAborted,
  UNDO_MS,
  undoDelete,
} from './dataset-store.ts';
export { type Consent, type Database, database, openDatabase, type StoredShard } from './db.ts';
export { loadIdentity } from './identity-store.ts';
export { ledgerIdOf } from './ledger-facts.ts';
export {
  limitLedger,
  listLedgers,
  onLedgerChange,
  readLedger,
  treatAsSpent,
} from './ledger-store.ts';
export { deletePersonal, type KeptPersonal, loadPersonal, savePersonal } from './personal-store.ts';
export { loadTranscript, runStore, TRANSCRIPTS_KEPT } from './run-store.ts';
export {
  changeSettings,
  defaultSettings,
  deleteEverything,
  giveConsent,
  listConsents,
  loadSettings,
  recall,
  remember,
  requestPersistence,
  type Settings,
  type StorageUsage,
  storageUsage,
  withdrawConsent,
} from './settings-store.ts';
export { estimateStorage, storageError, stored } from './storage-error.ts';
