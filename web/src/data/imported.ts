import type { ImportPreview, ReportProgress } from './api.ts';
import type { Gathered } from './shard-collector.ts';

/** What every kind of import is handed besides its files. */
export interface ReadContext {
  readonly signal: AbortSignal;
  readonly report: ReportProgress;
}

type FromGathered = 'examples' | 'classCounts' | 'problems' | 'problemCount' | 'invalidRows';

/** What every kind of import comes to: a preview, and the encoded examples behind it. */
export interface Imported extends Omit<ImportPreview, 'importId' | 'suggestedName' | FromGathered> {
  /** Undefined when the import is blocked. */
  readonly gathered: Gathered | undefined;
}
