export { appendEntry, type ChainedEntry, GENESIS_HASH, verifyChain } from './chain.ts';
export type { LedgerEntry, ReleaseEvent } from './entry.ts';
