import { sliceExamples } from '../dataset/examples.ts';
import type { Model } from '../update/index.ts';
import { evaluateModel } from './evaluate.ts';
import type { CompiledModel } from './model/compile.ts';
import type { ExampleSource } from './source.ts';

/** Examples that are read at a time. */
const AT_ONCE = 512;

/**
 * The mean loss over all examples of a source, as they are: neither augmented nor with units dropped out.
 * @throws as `evaluateModel`, and `storage.*` from the source.
 */
export async function meanLoss(
  compiled: CompiledModel,
  source: ExampleSource,
  model: Model,
  signal: AbortSignal,
): Promise<number> {
  let lossSum = 0;
  let total = 0;
  for (let start = 0; start < source.count; start += AT_ONCE) {
    const length = Math.min(AT_ONCE, source.count - start);
    const wanted = Uint32Array.from({ length }, (_, i) => start + i);
    const { examples: read, indices } = await source.read(wanted, signal);
    // Rows that follow each other, wherever they begin.
    const examples = sliceExamples(read, indices[0]!, indices[0]! + length);
    const counts = await evaluateModel({ compiled, examples, model, signal });
    lossSum += counts.lossSum;
    total += counts.total;
  }
  return lossSum / total;
}
