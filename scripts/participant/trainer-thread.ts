import { workerData } from 'node:worker_threads';
import {
  checkEnoughExamples,
  holdOut,
  readSampleShard,
  sampleExamples,
  sliceExamples,
} from '../../shared/dataset/index.ts';
import { check } from '../../shared/errors/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import {
  compileModel,
  conformanceFault,
  createPacer,
  type EvaluationCounts,
  evaluateModel,
  predict,
  probesFor,
  type TrainResult,
  trainLocally,
} from '../../shared/training/index.ts';
import { type Model, makeModel, sliceRange } from '../../shared/update/index.ts';
import { chooseEngine } from '../../signaling-server/engines/choose-engine.ts';
import { tfjsEngines } from '../../signaling-server/engines/tfjs-engines.ts';
import { serveJobs } from '../../signaling-server/threads/serve-jobs.ts';
import { readData } from './read-data.ts';
import type { TrainerJob, TrainerReady, TrainerSetup } from './trainer-protocol.ts';

/** Reads the data and trains, for trainer.ts: the main thread keeps its sockets. Examples never leave this thread. */
const { federation, data, testDigits, pace, dataset } = workerData as TrainerSetup;
/** As the page holds out, so that the same data are evaluated on the same tenth. */
const HELD_OUT_FRACTION = 0.1;
const TIMED_EXAMPLES = 32;

await serveJobs<TrainerJob, TrainerReady, Model | TrainResult | EvaluationCounts>(async () => {
  const { examples: all, name } = await readData(data, federation.data);
  check(dataset === undefined || dataset === name, 'data.unreadable', 'The data are not those of before.', {
    path: '--data',
    expected: 'the data that this session began with: what is spent is counted for them',
    remedy: 'Start again to take part with the new data.',
  });
  const { training, held } =
    federation.evaluation === 'local'
      ? holdOut(all, HELD_OUT_FRACTION, name)
      : { training: all, held: undefined };
  checkEnoughExamples(federation, training);
  const evaluation = testDigits === undefined ? held : sampleExamples(readSampleShard(testDigits));

  const compiled = compileModel(federation);
  const random = webCryptoRandom(globalThis.crypto);
  const inputs = new Float32Array(TIMED_EXAMPLES * compiled.inputSize);
  const weights = compiled.initialWeights();
  const { signal } = new AbortController();
  const engine = await chooseEngine(tfjsEngines, {
    pass: () => predict({ compiled, weights, inputs }),
    fault: () => conformanceFault(probesFor(federation.model), signal),
    nowMs: () => performance.now(),
  });
  const pacer = createPacer(
    () => pace,
    () => undefined,
  );
  const { record } = federation.privacy;

  return {
    ready: { layout: compiled.layout, examples: training.count, dataset: name, engine },
    perform(job, signal) {
      switch (job.kind) {
        case 'initial':
          return makeModel(0, compiled.layout, compiled.initialWeights());
        case 'train':
          return trainLocally({
            ...job.task,
            ...(record === undefined ? {} : { privacy: { record, random } }),
            compiled,
            examples: training,
            training: federation.training,
            signal,
            pacer,
          });
        case 'evaluate': {
          const { model, part } = job.task;
          if (evaluation === undefined) return { total: 0, correct: 0, lossSum: 0 };
          const { start, end } = sliceRange(evaluation.count, part.count, part.index);
          return evaluateModel({ compiled, examples: sliceExamples(evaluation, start, end), model, signal });
        }
      }
    },
  };
});
