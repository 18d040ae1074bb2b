import type { Caller } from '../access/principal.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import { isPerson, type Subject } from './subject.ts';

/** What persons have spent is personal data: that it was read is in the audit. Of several only how many. */
export async function noteReading(
  audit: Pick<AuditLog, 'append'>,
  caller: Caller,
  subjects: readonly Subject[],
): Promise<void> {
  const [person, ...others] = subjects.filter(({ kind }) => isPerson(kind));
  if (person === undefined) return;
  await audit.append(caller, {
    action: 'privacy.budgets-read',
    subject: others.length === 0 ? `${person.kind}:${person.id}` : 'server',
    after: { count: others.length + 1 },
  });
}
