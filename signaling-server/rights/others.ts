import type { Row } from './personal-data.ts';

/** What may stand in an exported row besides: ids as principals and budgets have them, and names of the audit. */
const OTHERS = /\bparticipant([:/])([\w-]{22}|p_[\w-]{22})(?![\w-])/g;
const PSEUDONYM = /\bp_[\w-]{22}(?![\w-])/g;

/**
 * The row without who the others in it are: that is their own data (Article 20(4)).
 * @param own - what names the participant itself.
 */
export function withoutOthers(row: Row, own: ReadonlySet<string>): Row {
  const inText = (text: string): string =>
    text
      .replaceAll(OTHERS, (found, separator: string, id: string) =>
        own.has(id) ? found : `participant${separator}another`,
      )
      .replaceAll(PSEUDONYM, (found) => (own.has(found) ? found : 'another'));
  const inValue = (value: unknown): unknown => {
    if (typeof value === 'string') return inText(value);
    if (Array.isArray(value)) return value.map(inValue);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inValue(member)]));
  };
  return inValue(row) as Row;
}
