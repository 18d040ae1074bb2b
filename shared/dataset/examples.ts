import type { DataSchema } from '../federation/index.ts';

/**
 * Examples as the trainer reads them: row-major, one row per example, already validated and encoded.
 * Bytes stand for bytes / 255, so that images take a quarter of the room.
 */
export interface Examples {
  readonly count: number;
  /** count × inputSize(schema). */
  readonly inputs: Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  /** Class indices for a class target; standardized values for a value target. Length `count`. */
  readonly targets: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
}

/** Shape of one encoded example: `[height, width, channels]` for images, `[features]` otherwise. */
export function inputShape(schema: DataSchema): readonly number[] {
  switch (schema.kind) {
    case 'image':
      return [schema.height, schema.width, schema.channels];
    case 'records':
      return [schema.features];
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

/** The labels of a class target; undefined for a value target. */
export function targetLabels(schema: DataSchema): readonly string[] | undefined {
  if (schema.kind === 'image') return schema.labels;
  return schema.target.type === 'class' ? schema.target.labels : undefined;
}

/** Numbers the model must put out: one per label, or one value. */
export function outputSize(schema: DataSchema): number {
  return targetLabels(schema)?.length ?? 1;
}
