import type { AuditEvent, AuditFacts } from './audit-log.ts';

/** `participant:ID` and `participant/ID`, wherever they stand in a subject or an actor. */
const NAMED = /\bparticipant([:/])([\w-]{22})(?![\w-])/g;
/** Fields whose texts are ids of participants. */
const FIELDS = new Set([
  'participant',
  'participants',
  'client',
  'clients',
  'clientId',
  'clientIds',
  'survivors',
  'dropped',
  'cohort',
  'members',
]);
const ID = /^[\w-]{22}$/;

/**
 * Replaces ids of participants by what the audit calls them: in the actor, the subject, and in the fields of `before` and `after` that hold
 * participants. Those who write to the log need not think of it. SPEC V-03.
 */
export async function nameParticipants(
  event: AuditEvent & { readonly actor: string },
  pseudonymOf: (participant: string) => Promise<string>,
): Promise<AuditEvent & { readonly actor: string }> {
  const ids = new Set<string>();
  const collect = (id: string): string => {
    ids.add(id);
    return id;
  };
  rename(event, collect);
  if (ids.size === 0) return event;
  const names = new Map<string, string>();
  for (const id of ids) names.set(id, await pseudonymOf(id));
  return rename(event, (id) => names.get(id)!);
}

type Rename = (id: string) => string;

function rename(
  event: AuditEvent & { readonly actor: string },
  nameOf: Rename,
): AuditEvent & { readonly actor: string } {
  const inText = (text: string): string =>
    text.replaceAll(NAMED, (_, separator: string, id: string) => `participant${separator}${nameOf(id)}`);
  return {
    ...event,
    actor: inText(event.actor),
    subject: inText(event.subject),
    ...(event.before === undefined ? {} : { before: inObject(event.before, inText, nameOf) }),
    ...(event.after === undefined ? {} : { after: inObject(event.after, inText, nameOf) }),
  };
}

function inObject(value: AuditFacts, inText: Rename, nameOf: Rename): AuditFacts {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      inValue(
        member,
        FIELDS.has(name) ? (text) => (ID.test(text) ? nameOf(text) : inText(text)) : inText,
        inText,
        nameOf,
      ),
    ]),
  );
}

/** @param here - what becomes of a text under this field. */
function inValue(value: unknown, here: Rename, inText: Rename, nameOf: Rename): unknown {
  if (typeof value === 'string') return here(value);
  if (Array.isArray(value)) return value.map((item) => inValue(item, here, inText, nameOf));
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return inObject(value as AuditFacts, inText, nameOf);
  return value;
}
