import type { PipeHandlers } from './frame-pipe.ts';

/** The receiving half that all pipes share: keeps what comes before `open`, and closes once. */
export interface PipeInlet {
  readonly closed: boolean;
  open(handlers: PipeHandlers): void;
  frame(frame: Uint8Array<ArrayBuffer>): void;
  drain(): void;
  /** @returns false when it was closed already. */
  close(): boolean;
}

export function createPipeInlet(): PipeInlet {
  let handlers: PipeHandlers | undefined;
  let early: Uint8Array<ArrayBuffer>[] = [];
  let closed = false;

  return {
    get closed() {
      return closed;
    },
    open(given) {
      handlers = given;
      const frames = early;
      early = [];
      for (const frame of frames) given.onFrame(frame);
      if (closed) given.onClose();
    },
    frame(frame) {
      if (closed) return;
      if (handlers === undefined) early.push(frame);
      else handlers.onFrame(frame);
    },
    drain() {
      if (!closed) handlers?.onDrain();
    },
    close() {
      if (closed) return false;
      closed = true;
      handlers?.onClose();
      return true;
    },
  };
}
