import type { Examples } from '../dataset/examples.ts';
import { check } from '../errors/index.ts';
import { checkExamples } from './batches.ts';
import type { CompiledModel } from './model/compile.ts';
import { type ExampleSource, memorySource } from './source.ts';

/**
 * A source of nothing but examples that fit the model: those in memory are checked once, now; others as they are read.
 * @throws `data.empty`, `data.wrong-shape`, `data.unknown-label`, `data.invalid-value`, from here or from `read`.
 */
export function checkedSource(compiled: CompiledModel, examples: Examples | ExampleSource): ExampleSource {
  if (!('read' in examples)) {
    checkExamples(compiled, examples);
    return memorySource(examples);
  }
  check(examples.count > 0, 'data.empty', 'There are no examples.', {
    expected: 'at least one example',
    received: '0',
    remedy: 'Add data to the data set.',
  });
  return {
    count: examples.count,
    async read(indices, signal) {
      const rows = await examples.read(indices, signal);
      // A batch by Poisson sampling may be empty.
      if (indices.length > 0) checkExamples(compiled, rows.examples, indices);
      return rows;
    },
  };
}
