import type { TokensSchema } from '../federation/index.ts';
import { type DataProblem, rowPath, shortened } from './problems.ts';
import { type JsonRow, kindOf, parseObject } from './record-encoder.ts';
import { type RowEncoder, targetEncoder } from './table-encoder.ts';

/**
 * Checks and encodes JSON records: `{"tokens": [...], "label": ...}` (or "target") with as many tokens as an example
 * has; where the target is the next token `{"tokens": [...]}` with one token more, each but the first being the
 * target of the one before it.
 */
export function tokenEncoder(schema: TokensSchema): RowEncoder<JsonRow> {
  const { length, vocabulary, target } = schema;
  const isNext = target.type === 'next';
  const wanted = isNext ? length + 1 : length;
  const encodeTarget = target.type === 'next' ? undefined : targetEncoder(target);
  return {
    encode({ text, line, row }, into, report) {
      let isValid = true;
      const fail = (
        column: string | undefined,
        problem: Omit<DataProblem, 'row' | 'line' | 'path'>,
      ): void => {
        isValid = false;
        report({
          ...problem,
          row,
          line,
          path: rowPath(row, column),
          ...(column !== undefined && { column }),
        });
      };
      const record = parseObject(text);
      if (record === undefined) {
        fail(undefined, {
          code: 'data.unreadable',
          summary: 'The record is not valid JSON of the expected form.',
          expected: isNext ? '{"tokens": [...]}' : '{"tokens": [...], "label": ...}',
          received: 'something else',
          remedy: 'Correct this record.',
        });
        return undefined;
      }
      const { tokens } = record;
      if (!Array.isArray(tokens) || tokens.length !== wanted) {
        fail('tokens', {
          code: 'data.wrong-shape',
          summary: 'The record has the wrong number of tokens.',
          expected: isNext
            ? `an array of ${wanted} ids: ${length} and the one that follows`
            : `an array of ${wanted} ids`,
          received: Array.isArray(tokens) ? `an array of ${tokens.length}` : kindOf(tokens),
          remedy: 'Cut or pad the sequences to the length that the federation needs.',
        });
        return undefined;
      }
      const ids: readonly unknown[] = tokens;
      ids.forEach((id, i) => {
        if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < vocabulary) {
          if (i < length) into[i] = id;
          return;
        }
        fail(`tokens[${i}]`, {
          code: 'data.invalid-value',
          summary: 'The token is not one of the vocabulary.',
          expected: `an integer from 0 to ${vocabulary - 1}`,
          received: typeof id === 'number' ? 'another number' : kindOf(id),
          remedy: 'Use the tokenizer of the federation.',
          value: shortened(JSON.stringify(id)),
        });
      });
      if (encodeTarget === undefined) return isValid ? Float32Array.from(tokens.slice(1)) : undefined;
      const label = record.label ?? record.target;
      const labelText = typeof label === 'string' || typeof label === 'number' ? String(label) : '';
      const encoded = encodeTarget(labelText);
      if (typeof encoded !== 'number') {
        fail('label', {
          ...encoded,
          received: labelText === '' ? kindOf(label) : encoded.received,
          value: shortened(labelText),
        });
        return undefined;
      }
      return isValid ? encoded : undefined;
    },
  };
}

/** Encodes windows of `length` + 1 bytes, as {@link TextSplitter} cuts them, for predicting the next byte. */
export function byteWindowEncoder({ length }: TokensSchema): RowEncoder<Uint8Array> {
  return {
    encode(window, into) {
      into.set(window.subarray(0, length));
      return window.subarray(1);
    },
  };
}
