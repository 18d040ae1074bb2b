import type { DataSchema } from '../federation/index.ts';

/**
 * Examples as the trainer reads them: row-major, one row per example, already validated and encoded.
 * Bytes stand for bytes / 255, so that images take a quarter of the room.
 */
export interface Examples {
  readonly count: number;
  /** count × inputSize(schema). Token ids stand for themselves, in bytes too. */
  readonly inputs: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  /**
   * count × targetsPerExample(schema): class indices for a class target, standardized values for a value target,
   * token ids for the next token.
   */
  readonly targets: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
}

/** The examples from `start` up to `end`, as views. */
export function sliceExamples({ count, inputs, targets }: Examples, start: number, end: number): Examples {
  const size = count === 0 ? 0 : inputs.length / count;
  const each = count === 0 ? 0 : targets.length / count;
  return {
    count: end - start,
    inputs: inputs.subarray(start * size, end * size),
    targets: targets.subarray(start * each, end * each),
  };
}

/** Shape of one encoded example: `[height, width, channels]` for images, `[features]` or `[length]` otherwise. */
export function inputShape(schema: DataSchema): readonly number[] {
  switch (schema.kind) {
    case 'image':
      return [schema.height, schema.width, schema.channels];
    case 'records':
      return [schema.features];
    case 'tokens':
      return [schema.length];
    case 'tabular':
      return [
        schema.columns.reduce(
          (sum, column) => sum + (column.type === 'number' ? 1 : column.values.length),
          0,
        ),
      ];
  }
}

/** Numbers in one encoded example. */
export function inputSize(schema: DataSchema): number {
  return inputShape(schema).reduce((product, size) => product * size, 1);
}

/** The labels of a class target; undefined for others. */
export function targetLabels(schema: DataSchema): readonly string[] | undefined {
  if (schema.kind === 'image') return schema.labels;
  return schema.target.type === 'class' ? schema.target.labels : undefined;
}

/** Targets of one example: one, or for the next token one per position. */
export function targetsPerExample(schema: DataSchema): number {
  return schema.kind === 'tokens' && schema.target.type === 'next' ? schema.length : 1;
}

/** Classes of each target; undefined for a value target. */
export function classCount(schema: DataSchema): number | undefined {
  if (schema.kind === 'tokens' && schema.target.type === 'next') return schema.vocabulary;
  return targetLabels(schema)?.length;
}
