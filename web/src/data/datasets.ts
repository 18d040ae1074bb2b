import { schemaHash } from '../../../shared/dataset/index.ts';
import type { DataSchema } from '../../../shared/federation/index.ts';
import {
  type DatasetInfo,
  deleteDataset as moveToTrash,
  purgeTrash,
  sweepOrphans,
  UNDO_MS,
} from '../storage/index.ts';

export { getDataset, listDatasets, loadExamples, undoDelete } from '../storage/index.ts';

/**
 * Deletes a dataset; `undoDelete` brings it back for half a minute, or until the page is next started after
 * that time.
 */
export async function deleteDataset(id: string): Promise<void> {
  await moveToTrash(id);
  // Should this fail, the next start purges.
  setTimeout(() => void purgeTrash().catch(() => undefined), UNDO_MS);
}

/** Called once when the page starts: removes what was deleted, and what interrupted imports left behind. */
export async function tidyUp(): Promise<void> {
  await purgeTrash();
  await sweepOrphans();
}

/** Whether the examples of a dataset are encoded the way this schema says. */
export function fits(dataset: DatasetInfo, schema: DataSchema): boolean {
  return dataset.schemaHash === schemaHash(schema);
}
