import { type CryptoSuite, type Ring, ringVector } from '../../shared/secagg/index.ts';
import { applyMasks, CHUNK_ELEMENTS } from '../../shared/secagg/masking.ts';
import { release } from '../../shared/secagg/release.ts';
import { wordBytes } from '../../shared/secagg/ring.ts';
import { quantile } from '../table.ts';

/** Bytes per nanosecond, which is GB/s. */
export interface KeystreamRate {
  readonly name: string;
  /** Keystreams alone, in the stretches in which masks are expanded, their memory given back as masking does. */
  readonly expandGbps: number;
  /** And added to a vector. */
  readonly applyGbps: number;
}

const RING: Ring = { bits: 16 };

/** @param bytes expanded per repetition. */
export async function measureKeystream(
  suite: CryptoSuite,
  bytes: number,
  repetitions: number,
  nowMs: () => number,
): Promise<KeystreamRate> {
  const key = new Uint8Array(32).fill(1);
  const stretch = CHUNK_ELEMENTS * wordBytes(RING);
  const target = ringVector(RING, Math.floor(bytes / wordBytes(RING)));
  const expand = async (): Promise<void> => {
    for (let at = 0; at + stretch <= bytes; at += stretch) release(await suite.keystream(key, at, stretch));
  };
  const apply = () => applyMasks(target, [{ key, sign: 1 }], 0, RING, suite);
  const expandMs: number[] = [];
  const applyMs: number[] = [];
  for (let i = 0; i <= repetitions; i++) {
    expandMs.push(await timed(expand, nowMs));
    applyMs.push(await timed(apply, nowMs));
  }
  const rate = (ms: readonly number[], size: number) => size / 1e6 / quantile(ms.slice(1), 0.5);
  return {
    name: suite.name,
    expandGbps: rate(expandMs, Math.floor(bytes / stretch) * stretch),
    applyGbps: rate(applyMs, target.byteLength),
  };
}

async function timed(work: () => Promise<unknown>, nowMs: () => number): Promise<number> {
  const start = nowMs();
  await work();
  return nowMs() - start;
}
