import { Agent, request } from 'node:http';

export interface DownloadResult {
  readonly bytes: number;
  readonly megabytesPerSecond: number;
  readonly perSecond: number;
  /** Of the server, for each download. */
  readonly processorMs: number;
}

const CONNECTIONS = 4;

/** The same file again and again over a few connections, read and thrown away. @throws when an answer is not whole. */
export async function loadDownloads(
  address: string,
  seconds: number,
  processorMs: () => number,
): Promise<DownloadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const bytes = await download(address, agent);
  const usedBeforeMs = processorMs();
  const startMs = performance.now();
  let count = 0;
  const work = async (): Promise<void> => {
    while (performance.now() - startMs < 1000 * seconds) {
      const length = await download(address, agent);
      if (length !== bytes) throw new Error(`${address}: ${length} bytes, and ${bytes} before.`);
      count++;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
  const perSecond = (1000 * count) / (performance.now() - startMs);
  agent.destroy();
  return {
    bytes,
    perSecond,
    megabytesPerSecond: (perSecond * bytes) / 1e6,
    processorMs: (processorMs() - usedBeforeMs) / count,
  };
}

function download(address: string, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    request(address, { agent }, (response) => {
      let length = 0;
      response.on('data', (piece: Buffer) => {
        length += piece.length;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(length);
        else reject(new Error(`${address} answered ${response.statusCode}.`));
      });
    })
      .on('error', reject)
      .end();
  });
}
