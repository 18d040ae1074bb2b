import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BlobStore, readBlob } from '../storage/blob-store.ts';

export interface OpenedBlobStore {
  readonly store: BlobStore;
  /** Replaces what is kept under a key, behind the store's back. */
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
  /** Files or objects, by their last name. */
  list(): Promise<string[]>;
  close(): Promise<void>;
}

/** SHA-256 of "abc" (FIPS 180-2, appendix B.1). */
export const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
export const abc = new TextEncoder().encode('abc');
/** SHA-256 of nothing. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** What every blob store promises, wherever the bytes lie. */
export function blobStoreContract(name: string, open: () => Promise<OpenedBlobStore>): void {
  describe(`blobs in ${name}`, () => {
    let opened: OpenedBlobStore;
    let store: BlobStore;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened?.close());

    test('S-05: bytes are named by their SHA-256 and come back; deleting forgets them', async () => {
      expect(await store.has(ABC)).toBe(false);
      expect(await store.put(abc)).toBe(ABC);
      expect(await store.put(abc)).toBe(ABC);
      expect(await store.has(ABC)).toBe(true);
      expect(await readBlob(store, ABC)).toEqual(abc);
      expect(await opened.list()).toEqual([ABC]);
      await store.delete(ABC);
      await store.delete(ABC);
      expect(await store.has(ABC)).toBe(false);
      expect(await opened.list()).toEqual([]);
      await expect(readBlob(store, ABC)).rejects.toMatchObject({ code: 'storage.corrupt' });
    });

    test('nothing at all is a blob too', async () => {
      expect(await store.put(new Uint8Array())).toBe(EMPTY);
      expect(await readBlob(store, EMPTY)).toEqual(new Uint8Array());
      await store.delete(EMPTY);
    });

    test('a large blob comes in pieces, in order', async () => {
      const bytes = Uint8Array.from({ length: 500_000 }, (_, i) => i % 251);
      const key = await store.put(bytes);
      let pieces = 0;
      for await (const piece of store.get(key)) pieces += piece.byteLength > 0 ? 1 : 0;
      expect(pieces).toBeGreaterThan(1);
      expect(Buffer.compare(await readBlob(store, key), bytes)).toBe(0);
    });

    test('one flipped bit is found before the last piece is given away, and putting again mends it', async () => {
      const bytes = new Uint8Array(200_000);
      const key = await store.put(bytes);
      const damaged = bytes.slice();
      damaged[0] = 1;
      await opened.overwrite(key, damaged);
      let received = 0;
      const reading = (async () => {
        for await (const piece of store.get(key)) received += piece.byteLength;
      })();
      await expect(reading).rejects.toMatchObject({
        code: 'storage.corrupt',
        facts: { expected: `SHA-256 ${key}` },
      });
      expect(received).toBeLessThan(bytes.length);
      await store.put(bytes);
      expect(await readBlob(store, key)).toEqual(bytes);
    });

    test('a cut or emptied blob is found too', async () => {
      await store.put(abc);
      for (const length of [2, 0]) {
        await opened.overwrite(ABC, abc.subarray(0, length));
        await expect(readBlob(store, ABC)).rejects.toMatchObject({ code: 'storage.corrupt' });
      }
    });

    test('who stops in the middle of a blob holds nothing up', async () => {
      const key = await store.put(new Uint8Array(500_000));
      for await (const piece of store.get(key)) {
        expect(piece.byteLength).toBeGreaterThan(0);
        break;
      }
      expect((await readBlob(store, key)).byteLength).toBe(500_000);
    });

    test('only a hash is a key: no path leads out of where blobs lie', async () => {
      for (const key of ['../../etc/passwd', ABC.toUpperCase(), `${ABC}/`, '']) {
        await expect(store.has(key)).rejects.toMatchObject({ code: 'argument.invalid' });
        await expect(readBlob(store, key)).rejects.toMatchObject({ code: 'argument.invalid' });
        await expect(store.delete(key)).rejects.toMatchObject({ code: 'argument.invalid' });
      }
    });
  });
}
