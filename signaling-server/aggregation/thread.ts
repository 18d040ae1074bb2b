import { workerData } from 'node:worker_threads';
import type { WeightedSlice } from '../../shared/aggregate/index.ts';
import { createAggregationKernels } from '../../shared/aggregate/native/index.ts';
import { type AggregationKernels, combineRuleOf } from '../../shared/aggregate/robust/index.ts';
import { encodingOf } from '../../shared/compress/index.ts';
import { robustNeedOf } from '../../shared/federation/index.ts';
import { seededRandom } from '../../shared/random/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { chooseEngine, type Engine } from '../engines/choose-engine.ts';
import { tfjsEngines } from '../engines/tfjs-engines.ts';
import { serveJobs } from '../threads/serve-jobs.ts';
import { kernelFault } from './kernel-fault.ts';
import { tfjsKernels } from './tfjs-kernels.ts';
import type { CombineJob, CombineReady, CombineSetup } from './thread-protocol.ts';

/** Applies a federation's robust rule to many coordinates, for combine.ts. */
const { federation } = workerData as CombineSetup;
const { robust } = federation.strategy;
/** What is timed has this many coordinates, or as many as the model. */
const MAX_TIMED = 262_144;

await serveJobs<CombineJob, CombineReady, WeightedSlice>(async () => {
  const { layout } = compileModel(federation);
  const encoding = encodingOf(federation, layout);
  let kernels: AggregationKernels = createAggregationKernels();
  const native = kernels;
  const tfjsNode = tfjsEngines.find(({ name }) => name === 'tfjs-node')!;
  const engines: readonly Engine[] = [
    {
      name: 'wasm',
      activate: async () => {
        kernels = native;
        return undefined;
      },
    },
    {
      name: tfjsNode.name,
      activate: async () => {
        const missing = await tfjsNode.activate();
        if (missing === undefined) kernels = tfjsKernels;
        return missing;
      },
    },
  ];
  const combine = (parts: readonly WeightedSlice[]) => combineRuleOf(robust, encoding, kernels)(parts);
  const parts = partsLike(Math.min(layout.length, MAX_TIMED));
  const engine = await chooseEngine(engines, {
    pass: async () => combine(parts),
    fault: async () => kernelFault(kernels),
    nowMs: () => performance.now(),
  });
  return { ready: { engine }, perform: ({ parts }) => combine(parts) };
});

/** As many parts as the rule needs, of small numbers. */
function partsLike(length: number): WeightedSlice[] {
  const random = seededRandom('parts');
  const count = Math.max(3, robust === undefined ? 3 : robustNeedOf(robust).fewest);
  return Array.from({ length: count }, () => ({
    values: Int32Array.from({ length }, () => random.below(1001) - 500),
    weight: 1,
  }));
}
