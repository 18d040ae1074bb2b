import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { check } from '../../shared/errors/index.ts';
import type { ParticipantId } from '../../shared/identity/index.ts';
import type { Clock } from '../../shared/transport/clock.ts';
import type { Presence } from '../../shared/transport/hub.ts';
import { MAX_SMALL_MESSAGE_BYTES } from '../../shared/transport/hub-protocol.ts';
import type { PeerStatus, SendOptions, SendOutcome } from '../../shared/transport/port.ts';
import { createInbox } from '../../shared/transport/server-inbox.ts';
import { createOutbox, type OutgoingMessage } from '../../shared/transport/server-outbox.ts';
import { hex8, transferId } from '../../shared/transport/server-transfer.ts';
import type { NodeFrame } from '../hub/index.ts';
import type { ByteBudget } from './byte-budget.ts';
import type { NodeTransportLimits } from './limits.ts';
import { createUpload, type Upload } from './upload.ts';

/** The server's side of its conversation with one incarnation of one participant. */
export interface NodePeer {
  readonly peer: ParticipantId;
  readonly incarnation: number;
  readonly status: PeerStatus;
  send(bytes: Uint8Array<ArrayBuffer>, options?: SendOptions): Promise<SendOutcome>;
  connected(): void;
  disconnected(): void;
  /** @throws the reason to refuse the frame. */
  receive(frame: NodeFrame): void;
  /** Whether this message is here as a whole. */
  has(stream: number, number: number): boolean;
  /**
   * The upload that goes on under these terms, or a new one.
   * @throws `wire.too-large`, `wire.malformed`, `http.unavailable` when too much is pending.
   */
  upload(terms: UploadTerms): Upload;
  /** @returns an upload that broke off. */
  partial(stream: number, number: number): Upload | undefined;
  /** Lets an upload that broke off lapse after a while. */
  rest(terms: UploadTerms): void;
  /** Takes a whole message in. @throws `wire.integrity`, `wire.out-of-phase`; either way the upload is over. */
  complete(terms: UploadTerms): void;
  dropUpload(stream: number, number: number): void;
  /** @returns the message that was offered under this name and is not acknowledged yet. */
  download(id: string): Uint8Array<ArrayBuffer> | undefined;
  countSent(byteLength: number): void;
  end(why: 'lost' | 'aborted'): void;
}

export interface UploadTerms {
  readonly stream: number;
  readonly number: number;
  readonly oldest: number;
  readonly byteLength: number;
  readonly crc: number;
}

export interface NodePeerOptions {
  readonly presence: Presence;
  readonly clock: Clock;
  readonly limits: NodeTransportLimits;
  readonly budget: ByteBudget;
  sendFrame(frame: NodeFrame): void;
  deliver(bytes: Uint8Array<ArrayBuffer>): void;
}

interface PendingUpload {
  readonly terms: UploadTerms;
  readonly upload: Upload;
  cancelLapse: () => void;
}

export function createNodePeer(options: NodePeerOptions): NodePeer {
  const { clock, limits, budget, sendFrame } = options;
  const { peer, incarnation } = options.presence;
  const downloads = new Map<string, Uint8Array<ArrayBuffer>>();
  const uploads = new Map<string, PendingUpload>();
  let pendingBytes = 0;
  let bytesSent = 0;
  let bytesReceived = 0;

  const inbox = createInbox({ maxHeldBytes: limits.maxPendingBytesPerPeer, deliver: options.deliver });
  const outbox = createOutbox({
    stream: randomInt(2 ** 32),
    path: 'server',
    clock,
    transmit(message) {
      if (message.bytes.length <= MAX_SMALL_MESSAGE_BYTES) sendSmall(message);
      else offer(message);
    },
    announceFloor: (oldest) => sendFrame({ kind: 'floor', stream: outbox.stream, oldest }),
  });

  const sendSmall = ({ number, bytes: payload }: OutgoingMessage): void => {
    const { stream, oldest } = outbox;
    sendFrame({ kind: 'message', stream, number, oldest, crc: crc32(payload), payload });
    bytesSent += payload.length;
  };

  const offer = ({ number, bytes, settled }: OutgoingMessage): void => {
    const { stream, oldest } = outbox;
    const id = transferId(stream, number);
    if (!downloads.has(id)) {
      downloads.set(id, bytes);
      settled.addEventListener('abort', () => downloads.delete(id), { once: true });
    }
    sendFrame({ kind: 'offer', stream, number, oldest, crc: crc32(bytes), byteLength: bytes.length });
  };

  const dropUpload = (stream: number, number: number): void => {
    const id = transferId(stream, number);
    const pending = uploads.get(id);
    if (pending === undefined) return;
    uploads.delete(id);
    pending.cancelLapse();
    pending.upload.interrupt();
    pendingBytes -= pending.upload.byteLength;
    budget.release(pending.upload.byteLength);
  };

  const raiseFloor = (stream: number, oldest: number): void => {
    for (const { terms } of [...uploads.values()]) {
      if (terms.stream !== stream || terms.number < oldest) dropUpload(terms.stream, terms.number);
    }
    inbox.raiseFloor(stream, oldest);
  };

  const start = (terms: UploadTerms): Upload => {
    const { byteLength } = terms;
    check(byteLength <= limits.maxMessageBytes, 'wire.too-large', 'The message is too large.', {
      expected: `at most ${limits.maxMessageBytes} bytes`,
      received: String(byteLength),
    });
    check(
      pendingBytes + byteLength <= limits.maxPendingBytesPerPeer && budget.reserve(byteLength),
      'http.unavailable',
      'Too many bytes are on their way to the server already.',
      { remedy: 'Try again shortly.' },
    );
    pendingBytes += byteLength;
    const upload = createUpload(byteLength);
    uploads.set(transferId(terms.stream, terms.number), { terms, upload, cancelLapse: () => undefined });
    return upload;
  };

  return {
    peer,
    incarnation,
    get status(): PeerStatus {
      return { path: 'server', incarnation, bytesSent, bytesReceived };
    },
    send: outbox.send,
    connected: outbox.resume,
    disconnected: outbox.pause,
    receive(frame) {
      switch (frame.kind) {
        case 'ack':
          return outbox.acknowledge(frame.stream, frame.number);
        case 'floor':
          return raiseFloor(frame.stream, frame.oldest);
        case 'message':
          bytesReceived += frame.payload.length;
          inbox.accept({ ...frame, bytes: new Uint8Array(frame.payload) });
          return sendFrame({ kind: 'ack', stream: frame.stream, number: frame.number });
        case 'offer':
          return; // the hub refuses these
      }
    },
    has: inbox.has,
    upload(terms) {
      const pending = uploads.get(transferId(terms.stream, terms.number));
      if (pending === undefined) return start(terms);
      pending.cancelLapse();
      const { byteLength, crc } = pending.terms;
      if (byteLength === terms.byteLength && crc === terms.crc) return pending.upload;
      dropUpload(terms.stream, terms.number);
      return start(terms);
    },
    partial: (stream, number) => uploads.get(transferId(stream, number))?.upload,
    rest({ stream, number }) {
      const pending = uploads.get(transferId(stream, number));
      if (pending === undefined) return;
      pending.cancelLapse();
      pending.cancelLapse = clock.after(limits.partialMs, () => dropUpload(stream, number));
    },
    complete(terms) {
      const { stream, number, oldest, crc } = terms;
      const upload = uploads.get(transferId(stream, number))?.upload;
      if (upload === undefined) return;
      dropUpload(stream, number);
      check(upload.crc === crc, 'wire.integrity', 'The message does not match its checksum.', {
        expected: hex8(crc),
        received: hex8(upload.crc),
        remedy: 'Send it again from the start.',
      });
      bytesReceived += upload.byteLength;
      inbox.accept({ stream, number, oldest, bytes: upload.bytes });
    },
    dropUpload,
    download: (id) => downloads.get(id),
    countSent(byteLength) {
      bytesSent += byteLength;
    },
    end(why) {
      outbox.end(why);
      for (const { terms } of [...uploads.values()]) dropUpload(terms.stream, terms.number);
    },
  };
}
