import { createHash } from 'node:crypto';
import { AwsClient } from 'aws4fetch';
import { check, hasCode } from '../../shared/errors/index.ts';
import { type BlobStore, checkBlobKey } from './blob-store.ts';
import type { S3Address, S3Credentials } from './s3-address.ts';
import { absenceOf, corruptBlob, type Outcome, refusalOf, unreachable } from './s3-errors.ts';

export interface S3Options {
  /** How long one request keeps being tried while the store does not answer. */
  readonly retryForMs?: number;
  /** Until the head of an answer, and between two pieces of a body. */
  readonly timeoutMs?: number;
}

/** One PUT takes so much (Amazon S3 user guide, "Uploading objects"); more would need an upload in parts. */
export const MAX_BLOB_BYTES = 5 * 1024 ** 3;
const RETRY_FOR_MS = 10_000;
const TIMEOUT_MS = 30_000;
/** An upload of {@link MAX_BLOB_BYTES} has to come to an end too: at least so fast. */
const SLOWEST_BYTES_PER_MS = 100;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 2_000;
/** Beside success: nothing is there, or nothing after the place that was asked for. */
const ANSWERS = new Set([404, 416]);

/**
 * Blobs as objects `PREFIX/ab/abcd…`. The store is believed nothing: every object is hashed while it is read, and the hash of an upload
 * is part of its signature, so that the store refuses what arrived damaged. A store that is away is asked again for a while; a download
 * that breaks goes on where it broke.
 * @throws `storage.unavailable` also for refused credentials, which an operator may mend while the server runs.
 */
export function s3BlobStore(
  address: S3Address,
  credentials: S3Credentials,
  { retryForMs = RETRY_FOR_MS, timeoutMs = TIMEOUT_MS }: S3Options = {},
): BlobStore {
  const client = new AwsClient({
    accessKeyId: credentials.accessKeyId,
    secretAccessKey: credentials.secretAccessKey,
    ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
    service: 's3',
    region: address.region,
  });
  const urlOf = (key: string): string => {
    checkBlobKey(key);
    return `${address.url}/${key.slice(0, 2)}/${key}`;
  };

  /** One request, tried until the store answers or the time is up. The caller reads or cancels the body. */
  async function request(url: string, init: RequestInit, limitMs = timeoutMs): Promise<Answer> {
    return retrying(async (): Promise<Outcome<Answer>> => {
      const deadline = new AbortController();
      const timer = setTimeout(() => deadline.abort(), limitMs);
      try {
        const signed = await client.sign(url, init);
        const response = await fetch(signed, { signal: deadline.signal, redirect: 'manual' });
        if (response.ok || ANSWERS.has(response.status)) return { value: { response, deadline } };
        return await refusalOf(response);
      } catch (cause) {
        return { error: unreachable(cause), isTransient: true };
      } finally {
        clearTimeout(timer);
      }
    }, retryForMs);
  }

  return {
    async put(bytes) {
      check(bytes.byteLength <= MAX_BLOB_BYTES, 'argument.invalid', 'The file is too large for one upload.', {
        expected: `at most ${MAX_BLOB_BYTES} bytes`,
        received: `${bytes.byteLength} bytes`,
      });
      const key = createHash('sha256').update(bytes).digest('hex');
      const headers = { 'x-amz-content-sha256': key, 'content-type': 'application/octet-stream' };
      const limitMs = timeoutMs + bytes.byteLength / SLOWEST_BYTES_PER_MS;
      const body = bytes as Uint8Array<ArrayBuffer>;
      const { response } = await request(urlOf(key), { method: 'PUT', headers, body }, limitMs);
      // A bucket that is not there.
      if (!response.ok) throw await absenceOf(response);
      await response.body?.cancel();
      return key;
    },

    async *get(key) {
      const url = urlOf(key);
      const hash = createHash('sha256');
      let held: Uint8Array | undefined;
      let received = 0;
      const endMs = performance.now() + retryForMs;
      for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
        const headers = received === 0 ? {} : { range: `bytes=${received}-` };
        const answer = await request(url, { headers });
        if (answer.response.status === 404) throw await absenceOf(answer.response);
        if (answer.response.status === 416) {
          await answer.response.body?.cancel();
          break;
        }
        // A store may ignore the range, and begin anew.
        let skip = answer.response.status === 206 ? 0 : received;
        try {
          for await (const sent of piecesOf(answer, timeoutMs)) {
            const piece = sent.subarray(Math.min(skip, sent.byteLength));
            skip -= sent.byteLength - piece.byteLength;
            if (piece.byteLength === 0) continue;
            received += piece.byteLength;
            if (received > MAX_BLOB_BYTES) throw corruptBlob(key, `more than ${MAX_BLOB_BYTES} bytes`);
            if (held !== undefined) yield held;
            hash.update(piece);
            held = piece;
          }
          break;
        } catch (thrown) {
          if (!hasCode(thrown, 'storage.unavailable') || performance.now() + delayMs > endMs) throw thrown;
          await pause(delayMs);
        }
      }
      const found = hash.digest('hex');
      if (found !== key) throw corruptBlob(key, found);
      if (held !== undefined) yield held;
    },

    async has(key) {
      const { response } = await request(urlOf(key), { method: 'HEAD' });
      return response.ok;
    },

    async delete(key) {
      const { response } = await request(urlOf(key), { method: 'DELETE' });
      await response.body?.cancel();
    },
  };
}

interface Answer {
  readonly response: Response;
  readonly deadline: AbortController;
}

/** The body as it comes; a connection that breaks, or stays silent for too long, is `storage.unavailable`. Ends the connection when it is left. */
async function* piecesOf({ response, deadline }: Answer, timeoutMs: number): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  const next = async () => {
    const timer = setTimeout(() => deadline.abort(), timeoutMs);
    try {
      return await reader.read();
    } catch (cause) {
      throw unreachable(cause);
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    for (let part = await next(); !part.done; part = await next()) yield part.value;
  } finally {
    deadline.abort();
  }
}

/** Again while the store is away, at growing distance. What it refused it is not asked again. */
async function retrying<T>(work: () => Promise<Outcome<T>>, forMs: number): Promise<T> {
  const endMs = performance.now() + forMs;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
    const outcome = await work();
    if ('value' in outcome) return outcome.value;
    if (!outcome.isTransient || performance.now() + delayMs > endMs) throw outcome.error;
    await pause(delayMs);
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
