import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  readonly origin: string;
  /** Bytes that went through so far, HTTP headers included. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Cuts the connection that carries it once so many more bytes have gone that way; one cut at a time. */
  cutAfter(direction: 'up' | 'down', byteLength: number): void;
  /** Cuts every connection there is, and refuses new ones until it is restored. */
  cutAll(): void;
  restore(): void;
  readonly cuts: number;
  close(): Promise<void>;
}

/** A TCP proxy in front of a server, whose connections break when a test says so. */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const passed = { up: 0, down: 0 };
  let cut: { direction: 'up' | 'down'; at: number } | undefined;
  let cuts = 0;
  let refusing = false;
  const open = new Set<Socket>();

  const server = createServer((client) => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(port, '127.0.0.1');
    const destroy = (): void => {
      client.destroy();
      upstream.destroy();
    };
    const pipe = (direction: 'up' | 'down', from: Socket, to: Socket): void => {
      from.on('data', (chunk: Buffer) => {
        passed[direction] += chunk.length;
        if (cut?.direction === direction && passed[direction] >= cut.at) {
          cut = undefined;
          cuts++;
          destroy();
        } else if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
      from.on('error', destroy);
      from.on('close', destroy);
      from.on('end', () => to.end());
    };
    pipe('up', client, upstream);
    pipe('down', upstream, client);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get bytesUp() {
      return passed.up;
    },
    get bytesDown() {
      return passed.down;
    },
    get cuts() {
      return cuts;
    },
    cutAfter(direction, byteLength) {
      cut = { direction, at: passed[direction] + byteLength };
    },
    restore() {
      refusing = false;
    },
    cutAll() {
      refusing = true;
      for (const socket of open) socket.destroy();
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
