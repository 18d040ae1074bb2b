import { type IdxArray, readIdx } from '../../../shared/dataset/index.ts';
import { check } from '../../../shared/errors/index.ts';
import type { ImageSchema } from '../../../shared/federation/index.ts';
import type { ImportFile } from './api.ts';
import { imageEncoder } from './import-images.ts';
import type { Imported, ReadContext } from './imported.ts';
import { shardCollector } from './shard-collector.ts';
import { readBytes } from './text-of.ts';

const PREVIEW_IMAGES = 20;

/** Reads grey images and their labels from two IDX files; a label is the number as text. */
export async function importIdx(
  files: readonly ImportFile[],
  given: ImageSchema | undefined,
  { report }: ReadContext,
): Promise<Imported> {
  const arrays: IdxArray[] = [];
  for (const { file } of files) arrays.push(readIdx(await readBytes(file)));
  const images = arrays.find(({ shape }) => shape.length === 3);
  const labels = arrays.find(({ shape }) => shape.length === 1);
  check(
    arrays.length === 2 && images !== undefined && labels !== undefined,
    'data.wrong-shape',
    'IDX files come in pairs.',
    {
      expected: 'one file of images (3 dimensions) and one of labels (1 dimension)',
      received: `files with ${arrays.map(({ shape }) => shape.length).join(', ')} dimensions`,
      remedy: 'Choose both files together.',
    },
  );
  const [count, height, width] = images.shape as [number, number, number];
  check(labels.shape[0] === count, 'data.wrong-shape', 'The two files do not belong together.', {
    expected: `${count} labels for ${count} images`,
    received: `${labels.shape[0]} labels`,
  });
  const schema = given ?? draftSchema(width, height, labels.data);
  check(
    schema.width === width && schema.height === height && schema.channels === 1,
    'data.wrong-shape',
    'The images have another size than the federation needs.',
    {
      expected: `${schema.width} × ${schema.height} with ${schema.channels} channels`,
      received: `${width} × ${height} with 1 channel`,
    },
  );
  const collector = shardCollector(schema, imageEncoder(schema));
  const size = width * height;
  const imageAt = (i: number) => Uint8Array.from(images.data.subarray(i * size, (i + 1) * size));
  for (let i = 0; i < count; i++) {
    const path = `image ${i + 1}`;
    collector.add({ row: i + 1, path, label: String(labels.data[i]), pixels: imageAt(i) });
  }
  const totalBytes = files.reduce((sum, { file }) => sum + file.size, 0);
  report({ phase: 'reading', doneBytes: totalBytes, totalBytes, rows: count });
  const gathered = collector.finish();
  return {
    kind: 'image',
    schema,
    ...(given === undefined && { draft: { computedFromData: ['labels'], skipped: [] } }),
    rows: count,
    gathered,
    columns: [],
    images: Array.from({ length: Math.min(count, PREVIEW_IMAGES) }, (_, i) => ({
      label: String(labels.data[i]),
      width,
      height,
      channels: 1,
      pixels: imageAt(i),
    })),
  };
}

function draftSchema(width: number, height: number, labels: Uint8Array): ImageSchema {
  const numbers = [...new Set(labels)].sort((a, b) => a - b);
  check(numbers.length >= 2, 'data.too-small', 'The images all have the same label.');
  return { kind: 'image', width, height, channels: 1, labels: numbers.map(String) };
}
