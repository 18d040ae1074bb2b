import { MurmurationError } from '../../shared/errors/index.ts';
import type { BlobKey } from './blob-store.ts';

/** What came of one request: an answer, or why there is none and whether asking again may help. */
export type Outcome<T> =
  | { readonly value: T }
  | { readonly error: MurmurationError; readonly isTransient: boolean };

const RESTORE = 'Restore the object from a backup, or save the model again: that mends it.';
/** Of an error document; the interesting part comes first. */
const MAX_DOCUMENT_BYTES = 8_192;

/** The store did not answer, or not to the end. The cause may name hosts, never credentials. */
export function unreachable(cause: unknown): MurmurationError {
  const code = (cause as { cause?: { code?: unknown } } | undefined)?.cause?.code;
  return new MurmurationError('storage.unavailable', 'There is no access to the blob store.', {
    received: typeof code === 'string' ? code : 'no answer',
    remedy: 'Check that it is running and reachable at BLOB_URL; nothing that was acknowledged is lost.',
    cause,
  });
}

/** What a refusal means. Answers of 500 and above, and 429, may be better a moment later. */
export async function refusalOf(response: Response): Promise<Outcome<never>> {
  const { status } = response;
  const name = await errorName(response);
  const received = name === undefined ? `status ${status}` : `status ${status}, ${name}`;
  if (status === 507) {
    return {
      error: new MurmurationError('storage.full', 'No room is left in the blob store.', {
        received,
        remedy: 'Free room there, or raise its quota; nothing that was acknowledged is lost.',
      }),
      isTransient: false,
    };
  }
  return {
    error: new MurmurationError('storage.unavailable', 'The blob store refuses.', {
      received,
      remedy: remedyFor(status, name),
    }),
    // The store could not check what arrived damaged.
    isTransient: status >= 500 || status === 429 || status === 408 || name === 'XAmzContentSHA256Mismatch',
  };
}

/** Of a 404: an object that is not there is damage, a bucket that is not there is a setting. */
export async function absenceOf(response: Response): Promise<MurmurationError> {
  const name = await errorName(response);
  if (name === 'NoSuchBucket') {
    return new MurmurationError('storage.unavailable', 'The blob store has no such bucket.', {
      received: name,
      remedy: 'Create the bucket, or correct BLOB_URL.',
    });
  }
  return new MurmurationError('storage.corrupt', 'A model file is missing.', { remedy: RESTORE });
}

export function corruptBlob(key: BlobKey, received: string): MurmurationError {
  return new MurmurationError('storage.corrupt', 'A model file is damaged.', {
    expected: `SHA-256 ${key}`,
    received,
    remedy: RESTORE,
  });
}

function remedyFor(status: number, name: string | undefined): string {
  if (name === 'RequestTimeTooSkewed') return 'Set the clock of this server.';
  if (status === 401 || status === 403) {
    return 'Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, the region and the rights on the bucket.';
  }
  return 'Check BLOB_URL and the state of the blob store.';
}

/** The `<Code>` of an error document (Amazon S3 API reference, "Error responses"). Whatever else it says stays unread. */
async function errorName(response: Response): Promise<string | undefined> {
  const reader = response.body?.getReader();
  if (reader === undefined) return undefined;
  let text = '';
  const decoder = new TextDecoder();
  try {
    while (text.length < MAX_DOCUMENT_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    await reader.cancel();
  } catch (cause) {
    throw unreachable(cause);
  }
  return /<Code>([A-Za-z0-9]{1,64})<\/Code>/.exec(text)?.[1];
}
