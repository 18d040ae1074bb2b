import { check } from '../errors/index.ts';
import type { Column, TabularSchema, Target } from '../federation/index.ts';
import type { ColumnSummary } from './column-summary.ts';

/** A proposal to look at before it becomes a federation's schema. */
export interface SchemaDraft {
  readonly schema: TabularSchema;
  /**
   * Fields that were computed from the data at hand. They become public with the federation, and depend on one
   * person's data: replace them by values known otherwise where that matters.
   */
  readonly computedFromData: readonly string[];
  /** Columns of the file that the schema leaves out. */
  readonly skipped: readonly { readonly column: string; readonly reason: string }[];
}

export interface InferOptions {
  /** Column to predict; the last one of the file by default. */
  readonly target?: string;
  /** `class` where numbers name classes; by default numbers are a value unless there are only two of them. */
  readonly targetType?: 'class' | 'value';
}

/** More than this many texts are names or free text, not categories. */
const MAX_CATEGORIES = 50;
/** A federation document allows this many labels. */
const MAX_LABELS = 1000;

/**
 * Drafts a schema from what a table holds: numbers become number columns standardized by their mean and
 * standard deviation, texts with at most 50 different values become categories, other columns are left out.
 * @throws `data.missing-column`, `data.too-small` when nothing is left to learn from or to predict.
 */
export function inferSchema(summaries: readonly ColumnSummary[], options: InferOptions = {}): SchemaDraft {
  const names = summaries.map((summary) => summary.name);
  const targetName = options.target ?? names.at(-1);
  const targetSummary = summaries.find((summary) => summary.name === targetName);
  check(targetSummary !== undefined, 'data.missing-column', 'The column to predict is not in the file.', {
    expected: `one of ${names.join(', ')}`,
    received: String(targetName),
    remedy: 'Choose another column to predict.',
  });
  const computedFromData: string[] = [];
  const skipped: { column: string; reason: string }[] = [];
  const columns: Column[] = [];
  for (const summary of summaries) {
    if (summary === targetSummary) continue;
    const reason = reasonToSkip(summary);
    if (reason !== undefined) {
      skipped.push({ column: summary.name, reason });
      continue;
    }
    const path = `columns[${columns.length}]`;
    const column = draftColumn(summary);
    computedFromData.push(
      ...(column.type === 'category'
        ? [`${path}.values`]
        : [`${path}.mean`, `${path}.scale`, ...(column.missing === undefined ? [] : [`${path}.missing`])]),
    );
    columns.push(column);
  }
  check(columns.length > 0, 'data.too-small', 'No column is left to learn from.', {
    expected: 'at least one column of numbers or categories besides the one to predict',
    received: skipped.map(({ column, reason }) => `${column}: ${reason}`).join('; ') || 'no other column',
  });
  const target = draftTarget(targetSummary, options.targetType);
  computedFromData.push(...(target.type === 'class' ? ['target.labels'] : ['target.mean', 'target.scale']));
  return { schema: { kind: 'tabular', columns, target }, computedFromData, skipped };
}

function reasonToSkip({ type, distinct, distinctIsCapped, numbers, rows, missing }: ColumnSummary) {
  if (type === 'empty') return 'it is empty';
  if (distinct === 1 && !distinctIsCapped) return 'it holds one value only';
  if (type === 'text') return distinctIsCapped || distinct > MAX_CATEGORIES ? 'it is free text' : undefined;
  const span = numbers!.max - numbers!.min + 1;
  const allDifferent = distinctIsCapped || distinct === rows;
  return numbers!.whole && missing === 0 && rows > 2 && allDifferent && span === rows
    ? 'it numbers the rows'
    : undefined;
}

function draftColumn({ name, type, numbers, missing, values }: ColumnSummary): Column {
  if (type === 'text') return { name, type: 'category', values: [...values], optional: missing > 0 };
  const mean = rounded(numbers!.mean);
  return {
    name,
    type: 'number',
    mean,
    scale: rounded(numbers!.stdDev) || 1,
    ...(missing > 0 && { missing: mean }),
  };
}

function draftTarget(summary: ColumnSummary, wanted: InferOptions['targetType']): Target {
  const { name, type, numbers, distinct, distinctIsCapped, values } = summary;
  check(
    type !== 'empty' && (distinct > 1 || distinctIsCapped),
    'data.too-small',
    'The column to predict holds one value only.',
    {
      path: `column "${name}"`,
      expected: 'at least two different values',
      remedy: 'Choose another column to predict, or a file with more rows.',
    },
  );
  const kind = wanted ?? (type === 'text' || distinct === 2 ? 'class' : 'value');
  if (kind === 'value') {
    check(type === 'number', 'data.invalid-value', 'The column to predict holds texts.', {
      path: `column "${name}"`,
      expected: 'numbers',
      remedy: 'Predict it as a class.',
    });
    return { name, type: 'value', mean: rounded(numbers!.mean), scale: rounded(numbers!.stdDev) || 1 };
  }
  check(!distinctIsCapped, 'data.invalid-value', 'The column to predict has too many different values.', {
    path: `column "${name}"`,
    expected: `at most ${MAX_LABELS} labels`,
    received: `more than ${MAX_LABELS}`,
    remedy: 'Choose another column to predict.',
  });
  return { name, type: 'class', labels: [...values] };
}

/** Four digits are enough to standardize, and say less about the data they come from. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
