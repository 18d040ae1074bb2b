export type { LedgerEntry, ReleaseEvent } from './entry.ts';
