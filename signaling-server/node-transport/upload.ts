import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';

/** One message on its way in over HTTP, perhaps in several parts. */
export interface Upload {
  readonly byteLength: number;
  /** How much has come; the next part starts here. */
  readonly received: number;
  readonly crc: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * Reads one request's body. Ends an earlier request for the same message: its sender has given it up.
   * @returns whether the request came to its end; `overflow` when it held more than the message's length;
   * `interrupted` when another took its place.
   */
  read(request: IncomingMessage): Promise<'ended' | 'broken' | 'overflow' | 'interrupted'>;
  /** Ends the request that is being read, so that `received` stands still. */
  interrupt(): void;
}

/** @param byteLength of the whole message; memory of that size is reserved, and touched as bytes arrive. */
export function createUpload(byteLength: number): Upload {
  const bytes = new Uint8Array(byteLength);
  let received = 0;
  let crc = 0;
  let reading: IncomingMessage | undefined;

  const interrupt = (): void => {
    reading?.destroy();
    reading = undefined;
  };

  return {
    byteLength,
    bytes,
    get received() {
      return received;
    },
    get crc() {
      return crc;
    },
    read(request) {
      interrupt();
      reading = request;
      return new Promise((resolve) => {
        const finish = (outcome: 'ended' | 'broken' | 'overflow'): void => {
          request.off('data', onData);
          resolve(reading === request ? outcome : 'interrupted');
          if (reading === request) reading = undefined;
        };
        const onData = (chunk: Buffer): void => {
          if (reading !== request) return;
          if (received + chunk.length > byteLength) return finish('overflow');
          bytes.set(chunk, received);
          received += chunk.length;
          crc = crc32(chunk, crc);
        };
        request.on('data', onData);
        request.once('end', () => finish('ended'));
        request.once('close', () => finish('broken')); // after `end`, this changes nothing any more
        request.once('error', () => finish('broken'));
      });
    },
    interrupt,
  };
}
