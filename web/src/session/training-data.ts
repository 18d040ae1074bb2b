import {
  bytesPerExample,
  checkEnoughExamples,
  dataNotices,
  type Examples,
  holdOut,
  holdOutRows,
  targetLabels,
} from '../../../shared/dataset/index.ts';
import { check } from '../../../shared/errors/index.ts';
import type { Federation } from '../../../shared/federation/index.ts';
import { streamedSource } from '../../../shared/training/source.ts';
import { loadSampleTest } from '../data/index.ts';
import { type DatasetInfo, getDataset, loadExamples, openShards } from '../storage/index.ts';
import type { TrainerData } from '../trainer/index.ts';

/** A data set of more encoded bytes is not held in memory: phones give a page a few hundred megabytes. */
export const STREAM_ABOVE_BYTES = 256_000_000;
const HELD_OUT_FRACTION = 0.1;
/** Of a data set that is streamed, no more than this is held out: it is kept in memory. */
const HELD_OUT_BYTES = 32_000_000;

/** What a trainer is given of a data set, and what the person should know about it. */
export interface TrainingData extends TrainerData {
  readonly notices: readonly string[];
}

/**
 * @throws `data.unreadable`, `data.empty`, `data.too-small`, `storage.*`; `http.unavailable` where the federation
 * evaluates on sample data.
 */
export async function loadTrainingData(
  federation: Federation,
  dataset: string,
  signal: AbortSignal,
  streamAboveBytes = STREAM_ABOVE_BYTES,
): Promise<TrainingData> {
  const info = await getDataset(dataset);
  const isStreamed = info !== undefined && info.bytes > streamAboveBytes;
  const { evaluated, ...data } = isStreamed
    ? await streamed(federation, info, signal)
    : await inMemory(federation, dataset, signal);
  checkEnoughExamples(federation, data.examples);
  const evaluation = federation.evaluation === 'sample' ? await loadSampleTest(signal) : evaluated;
  return { ...data, evaluation };
}

type Local = Omit<TrainingData, 'evaluation'> & { readonly evaluated: Examples | undefined };

async function inMemory(federation: Federation, dataset: string, signal: AbortSignal): Promise<Local> {
  const examples = await loadExamples(dataset, signal);
  const { training, held } =
    federation.evaluation === 'local'
      ? holdOut(examples, HELD_OUT_FRACTION, dataset)
      : { training: examples, held: undefined };
  return { examples: training, evaluated: held, notices: dataNotices(federation, training) };
}

async function streamed(federation: Federation, info: DatasetInfo, signal: AbortSignal): Promise<Local> {
  const { id: dataset, examples: count } = info;
  const notices = streamedNotices(federation, info);
  if (federation.evaluation !== 'local')
    return { examples: { dataset, count }, evaluated: undefined, notices };
  const fraction = Math.min(HELD_OUT_FRACTION, HELD_OUT_BYTES / (count * bytesPerExample(info.format)));
  const { training, held } = holdOutRows(count, fraction, dataset);
  const source = streamedSource(await openShards(dataset, signal), 0, held);
  const { examples } = await source.read(Uint32Array.from(held.keys()), signal);
  return { examples: { dataset, count: training.length, rows: training }, evaluated: examples, notices };
}

/** From what was counted when it was imported. */
function streamedNotices(federation: Federation, { examples, classCounts }: DatasetInfo): readonly string[] {
  const labels = targetLabels(federation.data);
  if (labels === undefined || classCounts === undefined) return [];
  const present = labels.flatMap((label, index) => ((classCounts[label] ?? 0) > 0 ? [index] : []));
  check(present.length > 0, 'data.empty', 'There are no examples to train on.');
  return dataNotices(federation, { count: examples, targets: Uint16Array.from(present) });
}
