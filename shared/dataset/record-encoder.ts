import type { RecordsSchema, Target } from '../federation/index.ts';
import type { JsonText } from './json-splitter.ts';
import { type DataProblem, rowPath, shortened } from './problems.ts';
import { fitsFloat32, type RowEncoder, targetEncoder } from './table-encoder.ts';

/** A JSON record with its place in the file. */
export interface JsonRow extends JsonText {
  /** From 1. */
  readonly row: number;
}

/**
 * Checks and encodes JSON records `{"features": [...], "label": ...}`: feature i as (x − mean[i]) / scale[i],
 * the label like the target of a table; a number names the label that is spelled like it.
 */
export function recordEncoder(schema: RecordsSchema): RowEncoder<JsonRow> {
  const encodeLabel = targetEncoder(schema.target);
  return {
    encode({ text, line, row }, into, report) {
      let isValid = true;
      const fail = (
        column: string | undefined,
        problem: Omit<DataProblem, 'row' | 'line' | 'path'>,
      ): void => {
        isValid = false;
        const path = rowPath(row, column);
        report({ ...problem, row, line, path, ...(column !== undefined && { column }) });
      };
      const record = parseRecord(text);
      if (record === undefined) {
        fail(undefined, {
          code: 'data.unreadable',
          summary: 'The record is not valid JSON of the expected form.',
          expected: '{"features": [...], "label": ...}',
          received: 'something else',
          remedy: 'Correct this record.',
        });
        return undefined;
      }
      const { features, label } = record;
      if (!Array.isArray(features) || features.length !== schema.features) {
        fail('features', {
          code: 'data.wrong-shape',
          summary: 'The record has the wrong number of features.',
          expected: `an array of ${schema.features} numbers`,
          received: Array.isArray(features) ? `an array of ${features.length}` : kindOf(features),
          remedy: 'Write as many features as the federation needs.',
        });
      } else {
        features.forEach((feature: unknown, i) => {
          if (typeof feature === 'number') {
            const encoded = (feature - (schema.mean?.[i] ?? 0)) / (schema.scale?.[i] ?? 1);
            if (fitsFloat32(encoded)) {
              into[i] = encoded;
              return;
            }
          }
          fail(`features[${i}]`, {
            code: 'data.invalid-value',
            summary: 'The feature is not a finite number.',
            expected: 'a finite number, below 3.4e38 once it is scaled',
            received: typeof feature === 'number' ? 'a larger number' : kindOf(feature),
            remedy: 'Write a number, without quotes.',
            value: shortened(JSON.stringify(feature)),
          });
        });
      }
      const labelText = typeof label === 'string' || typeof label === 'number' ? String(label) : '';
      const target = encodeLabel(labelText);
      if (typeof target !== 'number') {
        fail('label', {
          ...target,
          received: labelText === '' ? kindOf(label) : target.received,
          value: shortened(labelText),
        });
        return undefined;
      }
      return isValid ? target : undefined;
    },
  };
}

export interface RecordSummarizer {
  add(row: JsonRow): void;
  /** A schema that fits what was read; undefined when no record has the right form. */
  draft(): RecordsSchema | undefined;
}

const MAX_LABELS = 1000;

/** Looks at records without a schema and drafts one: features of the first record, labels of all. */
export function summarizeRecords(): RecordSummarizer {
  let features = 0;
  let hasText = false;
  const labels = new Set<string>();
  return {
    add({ text }) {
      const record = parseRecord(text);
      if (record === undefined || !Array.isArray(record.features)) return;
      const { label } = record;
      if (typeof label !== 'string' && typeof label !== 'number') return;
      if (features === 0) features = record.features.length;
      if (typeof label === 'string') hasText = true;
      if (labels.size <= MAX_LABELS) labels.add(String(label));
    },
    draft() {
      if (features === 0) return undefined;
      const isClass = labels.size >= 2 && labels.size <= MAX_LABELS && (hasText || labels.size === 2);
      const target: Target = isClass
        ? { name: 'label', type: 'class', labels: [...labels].sort((a, b) => (a < b ? -1 : 1)) }
        : { name: 'label', type: 'value', mean: 0, scale: 1 };
      return { kind: 'records', features, target };
    },
  };
}

function parseRecord(text: string): { features: unknown; label: unknown } | undefined {
  const record = parseObject(text);
  return record && { features: record.features, label: record.label };
}

/** The fields of a JSON object; undefined for anything else. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return value as Record<string, unknown>;
}

export function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return `a ${typeof value}`;
}
