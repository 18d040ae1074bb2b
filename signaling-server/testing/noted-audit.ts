import type { Caller } from '../access/principal.ts';
import type { AuditEntry, AuditEvent, AuditLog } from '../audit/audit-log.ts';
import { recordChange } from '../audit/record-change.ts';

/** An audit log that tells a test what would stand in it: of a change what came of it, without the entry that says who began it. */
export function notedAudit(
  note: (event: AuditEvent, caller: Caller) => unknown,
): Pick<AuditLog, 'append' | 'record'> {
  const append = async (caller: Caller, event: AuditEvent): Promise<AuditEntry> => {
    note(event, caller);
    return event as AuditEntry;
  };
  return {
    append,
    record: recordChange(
      async (_caller, event) => ({ ...event, seq: 0 }),
      (caller, { outcome, after, ...event }) => {
        const { intent: _, ...facts } = after ?? {};
        return append(caller, {
          ...event,
          ...(Object.keys(facts).length === 0 ? {} : { after: facts }),
          ...(outcome === 'done' ? {} : { outcome: outcome! }),
        });
      },
    ),
  };
}
