import { check } from '../errors/index.ts';
import type { Layout } from '../update/index.ts';
import { keptCoordinates } from './kept.ts';
import { createProjection, type Projection } from './projection.ts';

/**
 * A linear map to fewer numbers, the same for the whole cohort, so that the sketch of a sum is the sum of sketches: it goes below
 * masks and below noise. What it leaves out is nothing where training moved only the rest.
 */
export type Sketch =
  | { readonly type: 'whole'; readonly length: number }
  /** A subset of coordinates, drawn for each base model. */
  | { readonly type: 'kept'; readonly length: number; readonly count: number }
  /** Each matrix times an orthonormal basis of a few columns, drawn for each base model. */
  | { readonly type: 'projected'; readonly length: number; readonly parts: readonly SketchPart[] };

/** A parameter: as it is, or as a matrix of `rows` by `columns` of which `rank` numbers remain for each of its longer side. */
export interface SketchPart {
  readonly offset: number;
  readonly length: number;
  readonly rows: number;
  readonly columns: number;
  /** 0: sent as it is. */
  readonly rank: number;
}

/** Where a rank would save nothing, and for all that is no matrix, the parameter is sent as it is. SPEC Z-04. */
export function projectedSketch(layout: Layout, rank: number): Sketch {
  const parts = layout.parameters.map(({ offset, length, shape }): SketchPart => {
    const columns = shape.length > 1 ? shape.at(-1)! : 1;
    const rows = length / columns;
    const isSmaller = shape.length > 1 && rank < Math.min(rows, columns);
    return { offset, length, rows, columns, rank: isSmaller ? rank : 0 };
  });
  return { type: 'projected', length: layout.length, parts };
}

/** Numbers that remain. */
export function sketchLength(sketch: Sketch): number {
  switch (sketch.type) {
    case 'whole':
      return sketch.length;
    case 'kept':
      return sketch.count;
    case 'projected':
      return sketch.parts.reduce((sum, part) => sum + partLength(part), 0);
  }
}

function partLength({ length, rows, columns, rank }: SketchPart): number {
  return rank === 0 ? length : rank * Math.max(rows, columns);
}

/** @param values as many as the model has parameters. @throws `update.wrong-length`. */
export function applySketch(
  sketch: Sketch,
  values: Float32Array | Float64Array,
  baseHash: string,
): Float64Array<ArrayBuffer> {
  checkLength(values.length, sketch.length);
  switch (sketch.type) {
    case 'whole':
      return new Float64Array(values);
    case 'kept':
      return Float64Array.from(keptOf(sketch, baseHash), (coordinate) => values[coordinate]!);
    case 'projected': {
      const out = new Float64Array(sketchLength(sketch));
      let at = 0;
      sketch.parts.forEach((part, index) => {
        const target = out.subarray(at, at + partLength(part));
        const source = values.subarray(part.offset, part.offset + part.length);
        if (part.rank === 0) target.set(source);
        else projectionOf(part, index, baseHash).project(source, target);
        at += target.length;
      });
      return out;
    }
  }
}

/** What the sketch says of the whole vector: zero where it says nothing. @throws `update.wrong-length`. */
export function expandSketch(
  sketch: Sketch,
  values: Float64Array,
  baseHash: string,
): Float64Array<ArrayBuffer> {
  checkLength(values.length, sketchLength(sketch));
  switch (sketch.type) {
    case 'whole':
      return new Float64Array(values);
    case 'kept': {
      const whole = new Float64Array(sketch.length);
      const kept = keptOf(sketch, baseHash);
      for (let i = 0; i < kept.length; i++) whole[kept[i]!] = values[i]!;
      return whole;
    }
    case 'projected': {
      const whole = new Float64Array(sketch.length);
      let at = 0;
      sketch.parts.forEach((part, index) => {
        const source = values.subarray(at, at + partLength(part));
        const target = whole.subarray(part.offset, part.offset + part.length);
        if (part.rank === 0) target.set(source);
        else projectionOf(part, index, baseHash).expand(source, target);
        at += source.length;
      });
      return whole;
    }
  }
}

function checkLength(received: number, expected: number): void {
  check(received === expected, 'update.wrong-length', 'A vector does not fit its sketch.', {
    expected: String(expected),
    received: String(received),
  });
}

/** A round asks for the same one several times; whoever simulates many participants more often. */
let latestKept: { readonly key: string; readonly kept: Uint32Array<ArrayBuffer> } | undefined;

/** As `keptCoordinates`, of which the latest are remembered. */
export function keptOf(
  { length, count }: Extract<Sketch, { type: 'kept' }>,
  baseHash: string,
): Uint32Array<ArrayBuffer> {
  const key = `${length}/${count}/${baseHash}`;
  if (latestKept?.key !== key) latestKept = { key, kept: keptCoordinates(length, count, baseHash) };
  return latestKept.kept;
}

let latestProjections: { readonly label: string; readonly byKey: Map<string, Projection> } | undefined;

function projectionOf({ rows, columns, rank }: SketchPart, index: number, baseHash: string): Projection {
  if (latestProjections?.label !== baseHash) latestProjections = { label: baseHash, byKey: new Map() };
  const key = `${index}/${rows}/${columns}/${rank}`;
  const known =
    latestProjections.byKey.get(key) ?? createProjection(rows, columns, rank, `${baseHash}/${index}`);
  latestProjections.byKey.set(key, known);
  return known;
}
