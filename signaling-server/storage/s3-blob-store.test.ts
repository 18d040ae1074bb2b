import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import { afterEach, describe, expect, test } from 'vitest';
import { ABC, abc, blobStoreContract } from '../testing/blob-store-contract.ts';
import { type BlobStore, readBlob } from './blob-store.ts';
import { parseS3Address } from './s3-address.ts';
import { s3BlobStore } from './s3-blob-store.ts';

/** The pair that s3rver knows. */
const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER', sessionToken: undefined };
const SECRET = 'a-secret-that-nobody-may-read';

blobStoreContract('S3-compatible storage', async () => {
  const directory = await fs.mkdtemp(join(tmpdir(), 'murmuration-'));
  const server = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory,
    configureBuckets: [{ name: 'models', configs: [] }],
  });
  const { port } = await server.run();
  const url = `http://127.0.0.1:${port}/models/some/prefix`;
  const store = s3BlobStore({ url, region: 'us-east-1' }, credentials);
  return {
    store,
    async overwrite(key, bytes) {
      const { status } = await fetch(`${url}/${key.slice(0, 2)}/${key}`, {
        method: 'PUT',
        body: bytes as Uint8Array<ArrayBuffer>,
      });
      expect(status).toBe(200);
    },
    async list() {
      const listing = await (await fetch(`http://127.0.0.1:${port}/models?prefix=some/prefix/`)).text();
      return [...listing.matchAll(/<Key>some\/prefix\/[0-9a-f]{2}\/([^<]*)<\/Key>/g)].map(
        ([, name]) => name!,
      );
    },
    async close() {
      await server.close();
      await fs.rm(directory, { recursive: true });
    },
  };
});

test('a bucket that does not exist is a setting to correct, not a damaged model', async () => {
  const directory = await fs.mkdtemp(join(tmpdir(), 'murmuration-'));
  const server = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets: [] });
  try {
    const { port } = await server.run();
    const store = s3BlobStore({ url: `http://127.0.0.1:${port}/nowhere`, region: 'us-east-1' }, credentials);
    await expect(store.put(abc)).rejects.toMatchObject({ code: 'storage.unavailable' });
    await expect(readBlob(store, ABC)).rejects.toMatchObject({
      code: 'storage.unavailable',
      facts: { received: 'NoSuchBucket' },
    });
  } finally {
    await server.close();
    await fs.rm(directory, { recursive: true });
  }
});

describe('a store that misbehaves', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
  });

  interface Fake {
    readonly store: BlobStore;
    readonly port: number;
    close(): Promise<void>;
  }

  async function serve(listener: RequestListener, port = 0, options = { retryForMs: 0 }): Promise<Fake> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const bound = (server.address() as AddressInfo).port;
    const close = () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    closers.push(close);
    const address = { url: `http://127.0.0.1:${bound}/models`, region: 'us-east-1' };
    return {
      store: s3BlobStore(address, { ...credentials, secretAccessKey: SECRET }, options),
      port: bound,
      close,
    };
  }

  const refusing = (status: number, code: string): RequestListener => {
    return (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${SECRET}</Message></Error>`);
    };
  };

  test.each([
    [403, 'SignatureDoesNotMatch', 'storage.unavailable', /AWS_SECRET_ACCESS_KEY/],
    [403, 'InvalidAccessKeyId', 'storage.unavailable', /AWS_ACCESS_KEY_ID/],
    [403, 'RequestTimeTooSkewed', 'storage.unavailable', /clock/],
    [301, 'PermanentRedirect', 'storage.unavailable', /BLOB_URL/],
    [507, 'InsufficientStorage', 'storage.full', /room/],
  ])('status %i %s is %s and says what to do, without a secret', async (status, code, expected, remedy) => {
    const { store } = await serve(refusing(status, code));
    for (const act of [() => store.put(abc), () => readBlob(store, ABC), () => store.delete(ABC)]) {
      const error = await act().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: expected, facts: { received: `status ${status}, ${code}` } });
      expect((error as { facts: { remedy: string } }).facts.remedy).toMatch(remedy);
      expect(JSON.stringify(error) + String(error)).not.toContain(SECRET);
    }
  });

  test('wrong credentials are not tried again; an overloaded store is', async () => {
    let asked = 0;
    const denied = await serve(
      (request, response) => {
        asked++;
        refusing(403, 'AccessDenied')(request, response);
      },
      0,
      { retryForMs: 60_000 },
    );
    await expect(denied.store.put(abc)).rejects.toMatchObject({ code: 'storage.unavailable' });
    expect(asked).toBe(1);

    let left = 2;
    const busy = await serve(
      (request, response) => {
        if (left-- > 0) refusing(503, 'SlowDown')(request, response);
        else response.end();
      },
      0,
      { retryForMs: 60_000 },
    );
    expect(await busy.store.put(abc)).toBe(ABC);
    expect(left).toBe(-1);
  });

  test('an upload carries the hash of its bytes in its signature', async () => {
    let headers: Record<string, unknown> = {};
    const body: Buffer[] = [];
    const { store } = await serve((request, response) => {
      headers = request.headers;
      request.on('data', (piece: Buffer) => body.push(piece));
      request.on('end', () => response.end());
    });
    await store.put(abc);
    expect(createHash('sha256').update(Buffer.concat(body)).digest('hex')).toBe(ABC);
    expect(headers['x-amz-content-sha256']).toBe(ABC);
    expect(String(headers.authorization)).toMatch(/SignedHeaders=host;x-amz-content-sha256;x-amz-date/);
    expect(String(headers.authorization)).not.toContain(SECRET);
  });

  test('a download that breaks goes on where it broke', async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 253);
    const key = createHash('sha256').update(bytes).digest('hex');
    const ranges: (string | undefined)[] = [];
    const { store } = await serve(
      (request, response) => {
        const { range } = request.headers;
        ranges.push(range);
        const from = Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]);
        response.writeHead(from === 0 ? 200 : 206, { 'content-length': bytes.byteLength - from });
        // The first time it breaks in the middle.
        if (from === 0) response.write(bytes.subarray(0, 100_000), () => response.destroy());
        else response.end(bytes.subarray(from));
      },
      0,
      { retryForMs: 60_000 },
    );
    expect(Buffer.compare(await readBlob(store, key), bytes)).toBe(0);
    expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
  });

  test('one that ignores the range and begins anew is read right as well', async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 253);
    const key = createHash('sha256').update(bytes).digest('hex');
    let isFirst = true;
    const { store } = await serve(
      (_request, response) => {
        response.writeHead(200, { 'content-length': bytes.byteLength });
        if (isFirst) response.write(bytes.subarray(0, 100_000), () => response.destroy());
        else response.end(bytes);
        isFirst = false;
      },
      0,
      { retryForMs: 60_000 },
    );
    expect(Buffer.compare(await readBlob(store, key), bytes)).toBe(0);
  });

  test('one that lies about what it stored is named, never believed', async () => {
    const { store } = await serve((_request, response) => response.end('another model'));
    let received = 0;
    const reading = (async () => {
      for await (const piece of store.get(ABC)) received += piece.byteLength;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'storage.corrupt' });
    expect(received).toBe(0);
  });

  test('one that falls silent in the middle is given up', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('12345');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(
      () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models`;
    const store = s3BlobStore({ url, region: 'us-east-1' }, credentials, { retryForMs: 0, timeoutMs: 50 });
    await expect(readBlob(store, ABC)).rejects.toMatchObject({ code: 'storage.unavailable' });
  });

  test('one that is away is named, and found again by itself', async () => {
    const objects = new Map<string, Buffer>();
    const listener: RequestListener = (request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        if (request.method === 'PUT') objects.set(request.url!, Buffer.concat(pieces));
        const found = objects.get(request.url!);
        response.writeHead(found === undefined ? 404 : 200);
        response.end(request.method === 'GET' ? found : undefined);
      });
    };
    const first = await serve(listener);
    await first.store.put(abc);
    await first.close();
    await expect(readBlob(first.store, ABC)).rejects.toMatchObject({
      code: 'storage.unavailable',
      facts: { received: 'ECONNREFUSED' },
    });
    await expect(first.store.has(ABC)).rejects.toMatchObject({ code: 'storage.unavailable' });
    await serve(listener, first.port);
    expect(await readBlob(first.store, ABC)).toEqual(abc);
  });
});

describe('BLOB_URL', () => {
  test('names host, bucket, prefix and region', () => {
    expect(parseS3Address('https://s3.eu-central-1.amazonaws.com/models?region=eu-central-1')).toEqual({
      url: 'https://s3.eu-central-1.amazonaws.com/models',
      region: 'eu-central-1',
    });
    expect(parseS3Address('http://minio:9000/models/ward-7/')).toEqual({
      url: 'http://minio:9000/models/ward-7',
      region: 'us-east-1',
    });
  });

  test.each([
    'https://key:secret@host/bucket',
    'https://host',
    'https://host/',
    'https://host/bucket?acl=public',
    'https://host/bucket/../other bucket',
    's3://bucket',
    'bucket',
  ])('%s is refused, and not repeated', (text) => {
    let thrown: unknown;
    try {
      parseS3Address(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'argument.invalid', facts: { path: 'BLOB_URL' } });
    expect(JSON.stringify(thrown)).not.toContain('secret@');
  });
});
