import {
  classCounts,
  type Examples,
  exampleFormat,
  MAX_REQUEST_DIGITS,
  readSampleShard,
  type SampleShard,
  sampleExamples,
  sampleRequest,
  schemaHash,
  shardCount,
} from '../../../shared/dataset/index.ts';
import { check, MurmurationError } from '../../../shared/errors/index.ts';
import type { ImageSchema } from '../../../shared/federation/index.ts';
import { createDataset, type DatasetInfo, listDatasets, throwIfAborted } from '../storage/index.ts';
import type { SampleImport } from './api.ts';
import type { ReadContext } from './imported.ts';

/** The schema that the handwritten digits have. */
export const digitsSchema: ImageSchema = {
  kind: 'image',
  width: 28,
  height: 28,
  channels: 1,
  labels: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  sample: 'digits',
};

const BASE = '/api/sample/digits';
const CACHE = 'murmuration/sample';
/** Pixels and label. */
const DIGIT_BYTES = 28 * 28 + 1;

/**
 * Stores one shard of the handwritten digits as a dataset.
 * @throws `http.unavailable` when the server does not answer, `storage.*`, `aborted`.
 */
export async function importSampleDigits(sample: SampleImport, context: ReadContext): Promise<DatasetInfo> {
  const { examplesPerShard, split, seed, federationId } = sample;
  const shard = sample.shard ?? (await freeShard(sample));
  const { offset, count, labels } = sampleRequest({ shard, examplesPerShard, split, seed });
  const format = exampleFormat(digitsSchema);
  const targets: number[] = [];
  return createDataset(format, async (writer) => {
    for (let done = 0; done < count; done += MAX_REQUEST_DIGITS) {
      const part = { offset: offset + done, count: Math.min(MAX_REQUEST_DIGITS, count - done), labels };
      const examples = await downloadDigits(trainUrl(part), {
        signal: context.signal,
        report: (progress) =>
          context.report({
            ...progress,
            totalBytes: count * DIGIT_BYTES,
            rows: done,
            doneBytes: Math.min(done * DIGIT_BYTES + progress.doneBytes, count * DIGIT_BYTES),
          }),
      });
      await writer.writeShard({
        count: examples.count,
        inputs: new Blob([examples.inputs]),
        targets: new Blob([examples.targets]),
      });
      targets.push(...examples.targets);
    }
    throwIfAborted(context.signal);
    const counts = classCounts(digitsSchema, targets);
    return writer.finish({
      name:
        labels === undefined
          ? `Digits, part ${shard + 1}`
          : `Digits ${labels.join(' and ')}, part ${shard + 1}`,
      kind: 'image',
      schema: digitsSchema,
      schemaHash: schemaHash(digitsSchema),
      skippedRows: 0,
      format,
      createdAtMs: Date.now(),
      columns: [],
      sample: { shard, examplesPerShard, split, seed },
      ...(federationId !== undefined && { federationId }),
      ...(counts !== undefined && { classCounts: counts }),
    });
  });
}

/**
 * The 10,000 test digits, for evaluation: from this browser's cache after the first time, so that it works
 * without the server.
 */
export async function loadSampleTest(signal: AbortSignal): Promise<Examples> {
  const url = `${BASE}/test`;
  const cache = await openCache();
  const kept = await cache?.match(url);
  if (kept !== undefined) {
    const bytes = new Uint8Array(await kept.arrayBuffer());
    try {
      return sampleExamples(checkDigits(readSampleShard(bytes)));
    } catch (error) {
      // Damaged, or of another version of the page: fetch it again.
      if (!(error instanceof MurmurationError)) throw error;
    }
  }
  const bytes = await download(url, { signal, report: () => undefined });
  const examples = sampleExamples(checkDigits(readSampleShard(bytes)));
  await cache?.put(url, new Response(bytes)).catch(ignoreDomException);
  return examples;
}

/** Undefined outside secure contexts, and where the browser forbids it: the HTTP cache then has to do. */
async function openCache(): Promise<Cache | undefined> {
  return globalThis.caches?.open(CACHE).catch(ignoreDomException);
}

/** A cache that cannot be used, for a full disk say, costs only another download. */
function ignoreDomException(error: unknown): undefined {
  if (!(error instanceof DOMException)) throw error;
  return undefined;
}

function trainUrl({
  offset,
  count,
  labels,
}: {
  offset: number;
  count: number;
  labels: readonly number[] | undefined;
}): string {
  return `${BASE}/train?offset=${offset}&count=${count}${labels === undefined ? '' : `&labels=${labels.join(',')}`}`;
}

async function downloadDigits(url: string, context: ReadContext): Promise<Examples> {
  return sampleExamples(checkDigits(readSampleShard(await download(url, context))));
}

function checkDigits(shard: SampleShard): SampleShard {
  const { width, height, labels } = digitsSchema;
  check(
    shard.width === width && shard.height === height && shard.labels.every((label) => label < labels.length),
    'data.wrong-shape',
    'The sample data is not what this page expects.',
    {
      expected: `digits of ${width} × ${height}`,
      received: `images of ${shard.width} × ${shard.height}`,
      remedy: 'Reload the page.',
    },
  );
  return shard;
}

async function download(url: string, { signal, report }: ReadContext): Promise<Uint8Array<ArrayBuffer>> {
  const unavailable = (received: string, cause?: unknown): MurmurationError =>
    new MurmurationError('http.unavailable', 'The sample data cannot be loaded.', {
      received,
      remedy: 'Check the connection to the server and try again, or import data of your own.',
      cause,
    });
  try {
    const response = await fetch(url, { signal });
    if (!response.ok || response.body === null) throw unavailable(`status ${response.status}`);
    const length = Number(response.headers.get('content-length'));
    // With a content encoding the length is that of the encoded bytes.
    const totalBytes = length > 0 && !response.headers.has('content-encoding') ? length : undefined;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let doneBytes = 0;
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      doneBytes += part.value.byteLength;
      report({ phase: 'downloading', doneBytes, totalBytes, rows: 0 });
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  } catch (error) {
    throwIfAborted(signal);
    throw error instanceof MurmurationError ? error : unavailable('no answer', error);
  }
}

/** A shard that no dataset on this device is, at random, so that devices that know nothing of each other differ. */
async function freeShard({ examplesPerShard, split, seed }: SampleImport): Promise<number> {
  const shards = shardCount({ examplesPerShard, split });
  const taken = new Set(
    (await listDatasets())
      .map(({ sample }) => sample)
      .filter((s) => s?.split === split && s.seed === seed && s.examplesPerShard === examplesPerShard)
      .map((s) => s!.shard),
  );
  const free = Array.from({ length: shards }, (_, shard) => shard).filter((shard) => !taken.has(shard));
  check(free.length > 0, 'data.empty', 'This device holds all of the sample data already.', {
    remedy: 'Choose a data set that is here.',
  });
  const [draw] = crypto.getRandomValues(new Uint32Array(1));
  return free[draw! % free.length]!;
}
