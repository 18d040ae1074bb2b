import type { Storage } from './open-storage.ts';
import { type Check, failed, passed, type Report, reportOf, warned } from './report.ts';

export async function auditCheck({ audit }: Pick<Storage, 'audit'>): Promise<Check> {
  const { ok, entries, checkpoints, broken, unfinished } = await audit.verify();
  if (!ok) return failed('audit chain', `Broken at entry ${broken?.seq}: ${broken?.why}.`);
  if (entries > 0 && checkpoints === 0)
    return warned('audit chain', `${entries} entries verify, but no checkpoint was signed yet.`);
  if (unfinished.length > 0)
    return warned(
      'audit chain',
      `${entries} entries and ${checkpoints} signed checkpoints verify. Begun, and nothing says what came of it: ${unfinished.join(', ')}.`,
    );
  return passed('audit chain', `${entries} entries and ${checkpoints} signed checkpoints verify.`);
}

/** Recomputes the hash of every entry of the audit, and checks the signatures of its checkpoints. */
export async function verifyAudit(storage: Pick<Storage, 'audit'>, nowMs: number): Promise<Report> {
  return reportOf('verify-audit', nowMs, [await auditCheck(storage)]);
}
