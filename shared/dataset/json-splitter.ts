import { check } from '../errors/index.ts';

/** One record as text, not parsed yet. */
export interface JsonText {
  readonly text: string;
  /** Line of the file on which it begins, from 1. */
  readonly line: number;
}

/**
 * Cuts text that comes in pieces into records: the elements of one JSON array, or one JSON value per line
 * (JSONL, NDJSON). It finds where records end and leaves their parsing to JSON.parse, so that one bad record
 * costs itself and not the file.
 */
export interface JsonSplitter {
  /** @throws `data.unreadable` when text follows the array, or a record grows past the limit. */
  push(text: string): JsonText[];
  /** @throws `data.unreadable` when the array does not end. */
  finish(): JsonText[];
}

const MAX_RECORD_CHARACTERS = 4_000_000;

export function jsonSplitter(): JsonSplitter {
  let splitter: JsonSplitter | undefined;
  let blank = '';
  return {
    push(text) {
      if (splitter !== undefined) return splitter.push(text);
      blank += text;
      const first = blank.replace(/^\uFEFF/, '').trimStart()[0];
      if (first === undefined) return [];
      splitter = first === '[' ? arraySplitter() : lineSplitter();
      return splitter.push(blank.replace(/^\uFEFF/, ''));
    },
    finish: () => splitter?.finish() ?? [],
  };
}

function lineSplitter(): JsonSplitter {
  let pending = '';
  let line = 1;
  const records = (parts: string[]): JsonText[] =>
    parts.map((text) => ({ text: text.trim(), line: line++ })).filter(({ text }) => text !== '');
  return {
    push(text) {
      const parts = (pending + text).split('\n');
      pending = parts.pop()!;
      checkLength(pending.length, line + parts.length);
      return records(parts);
    },
    finish: () => records([pending]),
  };
}

function arraySplitter(): JsonSplitter {
  let state: 'before' | 'inside' | 'after' = 'before';
  let record = '';
  let line = 1;
  let recordLine: number | undefined;
  let depth = 0;
  let inString = false;
  let escaped = false;

  return {
    push(text) {
      const records: JsonText[] = [];
      let from = 0;
      const endRecord = (end: number, isLast: boolean): void => {
        const whole = (record + text.slice(from, end)).trim();
        // Nothing between two commas is a bad record like any other; nothing before the end is an empty array
        // or a comma too many, which does no harm.
        if (whole !== '' || !isLast) records.push({ text: whole, line: recordLine ?? line });
        record = '';
        recordLine = undefined;
        from = end + 1;
      };
      for (let at = 0; at < text.length; at++) {
        const character = text[at]!;
        const isSpace = character === ' ' || character === '\n' || character === '\r' || character === '\t';
        if (inString) {
          if (escaped) escaped = false;
          else if (character === '\\') escaped = true;
          else if (character === '"') inString = false;
        } else if (state !== 'inside') {
          if (state === 'after' && !isSpace) unreadable('Something follows the end of the array.', line);
          if (state === 'before' && character === '[') {
            state = 'inside';
            from = at + 1;
          }
        } else {
          if (!isSpace && character !== ',' && character !== ']') recordLine ??= line;
          if (character === '"') inString = true;
          else if (character === '{' || character === '[') depth++;
          else if (depth > 0 && (character === '}' || character === ']')) depth--;
          else if (character === ']') {
            endRecord(at, true);
            state = 'after';
          } else if (character === ',' && depth === 0) endRecord(at, false);
        }
        if (character === '\n') line++;
      }
      if (state === 'inside') record = (record + text.slice(from)).trimStart();
      checkLength(record.length, recordLine ?? line);
      return records;
    },
    finish() {
      if (state !== 'after') unreadable('The array does not end: the file is cut short.', line);
      return [];
    },
  };
}

function checkLength(characters: number, line: number): void {
  if (characters > MAX_RECORD_CHARACTERS) unreadable('The record does not end.', line);
}

function unreadable(summary: string, line: number): never {
  check(false, 'data.unreadable', summary, {
    path: `line ${line}`,
    expected: 'a JSON array of records, or one record per line',
    remedy: 'Check the file with a JSON validator.',
  });
}
