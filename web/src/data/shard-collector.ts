import {
  classCounts,
  collectProblems,
  type DataProblem,
  type ExampleFormat,
  exampleBuilder,
  exampleFormat,
  type ProblemReport,
  type RowEncoder,
  targetLabels,
} from '../../../shared/dataset/index.ts';
import type { DataSchema } from '../../../shared/federation/index.ts';
import type { StoredShard } from '../storage/index.ts';

/** One shard in IndexedDB. */
const SHARD_BYTES = 10_000_000;

/** What an import has gathered: encoded examples in blobs, which the browser keeps on disk when they grow. */
export interface Gathered extends ProblemReport {
  readonly rows: number;
  readonly examples: number;
  readonly format: ExampleFormat;
  readonly shards: readonly Omit<StoredShard, 'format'>[];
  readonly classCounts?: Readonly<Record<string, number>>;
}

/** Encodes rows into shards and collects what is wrong with the others. */
export interface ShardCollector<Row> {
  readonly rows: number;
  add(row: Row): void;
  finish(): Gathered;
}

export function shardCollector<Row>(schema: DataSchema, encoder: RowEncoder<Row>): ShardCollector<Row> {
  const format = exampleFormat(schema);
  const builder = exampleBuilder(format, SHARD_BYTES);
  const problems = collectProblems();
  const scratch = new Float32Array(format.size);
  const shards: Omit<StoredShard, 'format'>[] = [];
  const totals: Record<string, number> = {};
  let rows = 0;
  let examples = 0;

  function flush(): void {
    const { count, inputs, targets } = builder.take();
    const counts = classCounts(schema, targets) ?? {};
    for (const [label, labelCount] of Object.entries(counts))
      totals[label] = (totals[label] ?? 0) + labelCount;
    shards.push({ count, inputs: new Blob([inputs]), targets: new Blob([targets]) });
  }

  return {
    get rows() {
      return rows;
    },
    add(row) {
      rows++;
      const target = encoder.encode(row, scratch, (problem: DataProblem) => problems.add(problem));
      if (target === undefined) return;
      builder.append(scratch, target);
      examples++;
      if (builder.isFull) flush();
    },
    finish() {
      if (builder.count > 0) flush();
      const isClass = targetLabels(schema) !== undefined;
      return {
        ...problems.report(),
        rows,
        examples,
        format,
        shards,
        ...(isClass && { classCounts: totals }),
      };
    },
  };
}
