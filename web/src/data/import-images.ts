import {
  type DataProblem,
  type DecodedImage,
  encodeImage,
  folderLabel,
  isIdx,
  labelIndex,
  type RowEncoder,
} from '../../../shared/dataset/index.ts';
import { check } from '../../../shared/errors/index.ts';
import type { ImageSchema } from '../../../shared/federation/index.ts';
import { throwIfAborted } from '../storage/index.ts';
import type { ImportFile, ImportOptions, PreviewImage } from './api.ts';
import { importIdx } from './import-idx.ts';
import type { Imported, ReadContext } from './imported.ts';
import { shardCollector } from './shard-collector.ts';
import { readBytes } from './text-of.ts';

const PREVIEW_IMAGES = 20;
/** A draft's size where nobody said another: small enough to train on a phone. */
const DRAFT_SIZE = { width: 32, height: 32, channels: 3 } as const;
/** An image this many times the schema's size is first scaled down by the canvas, which is quicker. */
const MAX_OVERSIZE = 8;

/** An image that was decoded, or was not. */
export interface ImageRow {
  readonly row: number;
  readonly path: string;
  readonly label: string | undefined;
  /** Encoded bytes; undefined when the file is not an image that this browser can read. */
  readonly pixels: Uint8Array<ArrayBuffer> | undefined;
}

/**
 * Reads images whose label is the name of their folder, or the one label given for all; or a pair of IDX files,
 * as MNIST comes in. Files that a file manager leaves in folders (names with a leading dot, Thumbs.db) are
 * passed over.
 */
export async function importImages(
  files: readonly ImportFile[],
  given: ImageSchema | undefined,
  options: ImportOptions,
  context: ReadContext,
): Promise<Imported> {
  const images = files.filter(({ path }) => !/(^|\/)(\.[^/]*|Thumbs\.db)$/i.test(path));
  check(images.length > 0, 'data.empty', 'No images were chosen.', { remedy: 'Choose a folder of images.' });
  if (isIdx(await readBytes(images[0]!.file.slice(0, 8)))) {
    return importIdx(images, given, context);
  }
  const labelOf = ({ path }: ImportFile): string | undefined => options.label ?? folderLabel(path);
  const schema = given ?? draftSchema(images.map(labelOf));
  const collector = shardCollector(schema, imageEncoder(schema));
  const previews: PreviewImage[] = [];
  const totalBytes = images.reduce((sum, { file }) => sum + file.size, 0);
  let doneBytes = 0;
  for (const image of images) {
    throwIfAborted(context.signal);
    const decoded = await decode(image.file, schema);
    const pixels = decoded === undefined ? undefined : encodeImage(decoded, schema);
    const label = labelOf(image);
    collector.add({ row: collector.rows + 1, path: image.path, label, pixels });
    if (pixels !== undefined && previews.length < PREVIEW_IMAGES) {
      const { width, height, channels } = schema;
      previews.push({ label: label ?? '', width, height, channels, pixels });
    }
    doneBytes += image.file.size;
    context.report({ phase: 'reading', doneBytes, totalBytes, rows: collector.rows });
  }
  const gathered = collector.finish();
  return {
    kind: 'image',
    schema,
    ...(given === undefined && { draft: { computedFromData: ['labels'], skipped: [] } }),
    rows: gathered.rows,
    gathered,
    columns: [],
    images: previews,
  };
}

export function imageEncoder(schema: ImageSchema): RowEncoder<ImageRow> {
  const expected = `one of the labels ${schema.labels.slice(0, 12).join(', ')}${schema.labels.length > 12 ? ', …' : ''}`;
  const indexOf = labelIndex(schema.labels);
  return {
    encode({ row, path, label, pixels }, into, report) {
      const fail = (problem: Omit<DataProblem, 'row' | 'path'>): undefined => {
        report({ ...problem, row, path });
      };
      if (pixels === undefined) {
        return fail({
          code: 'data.unreadable',
          summary: 'The file is not an image that this browser can read.',
          expected: 'an image such as PNG, JPEG or WebP',
          received: 'another file, or a damaged one',
          remedy: 'Remove the file, or save the image again.',
        });
      }
      const target = label === undefined ? undefined : indexOf(label);
      if (target === undefined) {
        return fail({
          code: 'data.unknown-label',
          summary: 'The label is not one that the federation knows.',
          expected,
          received: label === undefined ? 'an image in no folder' : 'a folder with another name',
          remedy: 'Put each image into a folder named like its label, or choose one label for all.',
          ...(label !== undefined && { value: label }),
        });
      }
      into.set(pixels);
      return target;
    },
  };
}

/** @returns undefined for what the browser cannot decode. */
async function decode(file: File, { width, height }: ImageSchema): Promise<DecodedImage | undefined> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch (error) {
    if (error instanceof DOMException) return undefined;
    throw error;
  }
  const drawnWidth = Math.min(bitmap.width, width * MAX_OVERSIZE);
  const drawnHeight = Math.min(bitmap.height, height * MAX_OVERSIZE);
  const canvas = new OffscreenCanvas(drawnWidth, drawnHeight);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  check(context !== null, 'internal', 'The browser offers no canvas to decode images with.');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, drawnWidth, drawnHeight);
  bitmap.close();
  return {
    width: drawnWidth,
    height: drawnHeight,
    rgba: context.getImageData(0, 0, drawnWidth, drawnHeight).data,
  };
}

function draftSchema(labels: readonly (string | undefined)[]): ImageSchema {
  const known = [...new Set(labels.filter((label) => label !== undefined))].sort();
  check(known.length >= 2, 'data.too-small', 'The images have too few labels to learn from.', {
    expected: 'at least two folders, each named like the label of the images in it',
    received: known.length === 0 ? 'images in no folder' : 'one folder',
    remedy: 'Choose the folder that holds one folder per label.',
  });
  return { kind: 'image', ...DRAFT_SIZE, labels: known };
}
