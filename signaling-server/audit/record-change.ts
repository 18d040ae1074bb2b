import { toErrorRecord } from '../../shared/errors/index.ts';
import type { Caller } from '../access/principal.ts';
import type { AuditEntry, AuditEvent, AuditLog } from './audit-log.ts';

/**
 * Entries around an effect: one before it, which names who, and one after it, which says what came of it. SPEC V-13.
 * @param begin - durable before it resolves.
 * @param end - never rejects for a database that is away: the effect is there, and whoever asked for it learns so.
 */
export function recordChange(
  begin: (
    caller: Caller,
    event: AuditEvent,
  ) => Promise<Pick<AuditEntry, 'seq' | 'subject' | 'before' | 'after'>>,
  end: (caller: Caller, event: AuditEvent) => Promise<unknown>,
): AuditLog['record'] {
  return async (caller, { action, subject: named, before: was, after: meant, effect, found }) => {
    const intent = await begin(caller, {
      action,
      subject: named,
      ...(was === undefined ? {} : { before: was }),
      ...(meant === undefined ? {} : { after: meant }),
      outcome: 'begun',
    });
    // By the name that it has in the first: there may be no other when the participant was erased meanwhile.
    const { seq, subject } = intent;
    let result: Awaited<ReturnType<typeof effect>>;
    try {
      result = await effect();
    } catch (thrown) {
      const { code } = toErrorRecord(thrown);
      await end(caller, { action, subject, after: { intent: seq }, outcome: 'failed', code });
      throw thrown;
    }
    const { before = intent.before, after = intent.after } = found?.(result) ?? {};
    await end(caller, {
      action,
      subject,
      ...(before === undefined ? {} : { before }),
      after: { ...after, intent: seq },
      outcome: 'done',
    });
    return result;
  };
}
