import type { BrowserContext, Page } from '@playwright/test';
import { decodeFrame } from '../../shared/transport/channel-frames.ts';
import { createInbox } from '../../shared/transport/channel-inbox.ts';
import { decodeMessage, MAX_MESSAGE_BYTES, type Message } from '../../shared/wire/index.ts';

type RecordingWindow = Window & { readonly channels: { readonly frames: Uint8Array[] }[] };

/** Keeps a copy of everything that this context's tabs hand to WebRTC, before it is encrypted for the way. */
export async function recordDataChannels(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const channels: { channel: RTCDataChannel; frames: Uint8Array[] }[] = [];
    const send = RTCDataChannel.prototype.send as (data: ArrayBufferView) => void;
    RTCDataChannel.prototype.send = function (data: unknown) {
      const view = data as Uint8Array;
      const known = channels.find(({ channel }) => channel === this);
      if (known === undefined) channels.push({ channel: this, frames: [view.slice()] });
      else known.frames.push(view.slice());
      send.call(this, view);
    };
    Object.assign(window, { channels });
  });
}

/** The messages that a tab sent to other participants directly, in the order of each connection. */
export async function sentDirectly(page: Page): Promise<Message[]> {
  const channels = await page.evaluate(() =>
    (window as unknown as RecordingWindow).channels.map(({ frames }) =>
      frames.map((frame) => btoa(Array.from(frame, (byte) => String.fromCharCode(byte)).join(''))),
    ),
  );
  return channels.flatMap((frames) => {
    const inbox = createInbox(MAX_MESSAGE_BYTES);
    return frames.flatMap((text) => {
      const frame = decodeFrame(Buffer.from(text, 'base64'));
      if (frame.type !== 'first' && frame.type !== 'more' && frame.type !== 'void') return [];
      const received = inbox.accept(frame);
      return received.kind === 'message' ? [decodeMessage(received.bytes)] : [];
    });
  });
}
