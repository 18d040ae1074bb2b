import { MurmurationError } from '../../../../shared/errors/index.ts';
import type { MetricReport } from '../../../../shared/training/metric-report.ts';
import { layoutOf, makeModel } from '../../../../shared/update/index.ts';
import type { ModelVersion, PersonalModel, Services, VersionComparison } from '../services.ts';

const NEWEST = 24;
const layout = layoutOf([
  { name: '1.dense/kernel', shape: [784, 128] },
  { name: '1.dense/bias', shape: [128] },
]);

const VERSIONS: readonly ModelVersion[] = Array.from({ length: NEWEST }, (_, i) => {
  const version = NEWEST - i;
  const correct = version > 19 ? 9100 - 300 * (version - 19) : 5000 + 215 * version;
  const rollback = version === 23 ? 19 : null;
  return {
    version,
    hash: (version * 2654435761).toString(16).padStart(64, 'c3a91f').slice(-64),
    survivors: rollback === null ? 6 : 0,
    evaluation:
      version === NEWEST
        ? null
        : { total: 10_000, correct: rollback === null ? correct : 9085, lossSum: 22_000 - 2 * correct },
    best: version === 19,
    rollback,
    bytes: version === 1 ? null : 407_080,
  };
});

const about = (version: number, accuracy: number, loss: number) => ({
  version,
  hash: VERSIONS.find((each) => each.version === version)!.hash,
  accuracy,
  loss,
  examples: 10_000,
});

const COMPARISON: VersionComparison = {
  from: about(19, 0.9085, 0.383),
  to: about(22, 0.82, 0.56),
  distance: {
    l2: 3.214,
    relative: 0.118,
    cosine: 0.9934,
    layers: [
      { name: '1.dense/kernel', l2: 2.91, relative: 0.121, cosine: 0.9931 },
      { name: '1.dense/bias', l2: 0.21, relative: 0.4, cosine: 0.92 },
      { name: '2.dense/bias', l2: 0.02, relative: null, cosine: null },
    ],
  },
  predictions: { total: 10_000, changed: 1204, rightToWrong: 1013, wrongToRight: 128, wrongToWrong: 63 },
};

const report = (accuracy: number, loss: number): MetricReport => ({
  total: 21,
  metrics: [
    { name: 'accuracy', value: accuracy },
    { name: 'loss', value: loss },
  ],
  classes: [],
});

const PERSONAL: PersonalModel = {
  method: { type: 'head' },
  sharedVersion: 22,
  atMs: Date.UTC(2026, 10, 21, 18, 40),
  model: makeModel(0, layout, new Float32Array(layout.length)),
  measured: { shared: report(0.857, 0.481), own: report(0.952, 0.203) },
};

/** Versions, own models and what a round sends, without anything behind them. */
export function fakeAggregation(
  answer: <T>(value: T) => Promise<T>,
  isEmpty: boolean,
): Pick<Services, 'versions' | 'personal' | 'compression'> {
  let personal: PersonalModel | undefined = PERSONAL;
  return {
    versions: {
      list: () => answer(isEmpty ? [] : VERSIONS),
      compare: () => answer(COMPARISON),
    },
    personal: {
      of: (_, datasetId) => answer(datasetId === 'd1' ? personal : undefined),
      async train(_federation, _dataset, method, onProgress, signal) {
        onProgress({ batch: 21, batches: 60, loss: 0.31, examplesPerSecond: 900 });
        await new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () =>
            reject(new MurmurationError('training.cancelled', 'The computation was cancelled.')),
          ),
        );
        return { ...PERSONAL, method };
      },
      remove: async () => {
        personal = undefined;
      },
    },
    compression: {
      forecast: async (federation) =>
        (await import('../compression-forecast.ts')).compressionForecast(federation),
    },
  };
}
