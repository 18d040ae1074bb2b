import type { AuditRows } from './audit-rows.ts';
import type { Checkpoint } from './entry-hash.ts';
import type { AuditLine } from './verify-chain.ts';

const PAGE = 1000;

/**
 * The log as lines, page by page. Checkpoints that are signed while it is read are left out: what they sign may have been
 * written after the reading passed. Those that are there and sign what is not come last.
 */
export async function* readLines(
  rows: Pick<AuditRows, 'entriesAfter' | 'checkpointsAfter' | 'newestCheckpoint'>,
): AsyncGenerator<AuditLine> {
  const last = (await rows.newestCheckpoint())?.seq ?? 0;
  const [first] = await rows.entriesAfter(0, 1);
  // The checkpoint that a log was cut at stands before its first entry; older ones may be there still.
  let seq = (first?.seq ?? 1) - 1;
  const checkpoints = checkpointsBetween(rows, seq - 1, last);
  let next = (await checkpoints.next()).value;
  while (true) {
    const entries = await rows.entriesAfter(seq, PAGE);
    for (const entry of entries) {
      while (next !== undefined && next.seq < entry.seq) {
        yield { kind: 'checkpoint', checkpoint: next };
        next = (await checkpoints.next()).value;
      }
      yield { kind: 'entry', entry };
      seq = entry.seq;
    }
    if (entries.length < PAGE) break;
  }
  while (next !== undefined) {
    yield { kind: 'checkpoint', checkpoint: next };
    next = (await checkpoints.next()).value;
  }
}

async function* checkpointsBetween(
  rows: Pick<AuditRows, 'checkpointsAfter'>,
  after: number,
  last: number,
): AsyncGenerator<Checkpoint, undefined> {
  let seq = after;
  while (true) {
    const page = (await rows.checkpointsAfter(seq, PAGE)).filter((checkpoint) => checkpoint.seq <= last);
    yield* page;
    if (page.length < PAGE) return undefined;
    seq = page.at(-1)!.seq;
  }
}
