import { MurmurationError } from '../../../shared/errors/index.ts';
import { throwIfAborted } from '../storage/index.ts';

/** Large enough for speed, small enough for progress and cancelling. */
const PIECE_BYTES = 524_288;

/** Bytes of a file piece by piece, so that a file larger than memory can be read. */
export async function* bytesOf(file: Blob, signal: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    throwIfAborted(signal);
    const piece = file.slice(at, at + PIECE_BYTES);
    yield await readBytes(piece);
  }
  throwIfAborted(signal);
}

/**
 * How the text of a file is written: by its byte order mark; else UTF-8 if all of it is valid UTF-8; else
 * Windows-1252, which is what spreadsheets on Windows save.
 */
export async function encodingOf(file: Blob, signal: AbortSignal): Promise<string> {
  const start = await readBytes(file.slice(0, 2));
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le';
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be';
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const bytes of bytesOf(file, signal)) decoder.decode(bytes, { stream: true });
    decoder.decode();
    return 'utf-8';
  } catch (error) {
    if (error instanceof TypeError) return 'windows-1252';
    throw error;
  }
}

/** Text of a file piece by piece. `onBytes` is told how much has been read. */
export async function* textOf(
  file: Blob,
  encoding: string,
  signal: AbortSignal,
  onBytes: (doneBytes: number) => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  let doneBytes = 0;
  for await (const bytes of bytesOf(file, signal)) {
    doneBytes += bytes.byteLength;
    onBytes(doneBytes);
    yield decoder.decode(bytes, { stream: true });
  }
  yield decoder.decode();
}

/** @throws `data.unreadable` when the file was moved, changed or taken away since it was chosen. */
export async function readBytes(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (cause) {
    throw new MurmurationError('data.unreadable', 'The file cannot be read.', {
      remedy: 'It may have been moved or changed: choose it again.',
      cause,
    });
  }
}
