import { formatTable, grouped } from '../table.ts';
import { gigabytesPerSecond } from './bounds.ts';
import type { Timing } from './measure.ts';

const NAMES = {
  memcpy: 'copying all rows',
  ours: 'WebAssembly, ordinary arrays',
  placed: 'WebAssembly, rows on its heap',
  streamed: 'WebAssembly, row after row, none kept',
  plain: 'plain loops',
  tfjs: 'tfjs wasm, with upload',
  'tfjs product': 'tfjs wasm, with upload, as a product',
} as const;

export function report(timings: readonly Timing[]): string {
  const find = (contender: string, operation: string): Timing | undefined =>
    timings.find((timing) => timing.contender === contender && timing.operation === operation);
  const copying = find('memcpy', 'memcpy');
  const sorted = [...timings].sort((a, b) => order(a.operation) - order(b.operation));
  const table = formatTable(
    ['operation', 'how', 'median ms', 'best ms', 'runs', '÷ memcpy', 'tfjs ÷ it'],
    sorted.map(({ operation, contender, medianMs, bestMs, runs }) => {
      const tfjs = find('tfjs', operation);
      return [
        ...[operation, NAMES[contender], grouped(medianMs, 1), grouped(bestMs, 1), runs],
        copying === undefined ? undefined : grouped(medianMs / copying.medianMs, 2),
        tfjs === undefined ? undefined : grouped(tfjs.medianMs / medianMs, 1),
      ];
    }),
  );
  const rate =
    copying === undefined ? '' : `memcpy: ${grouped(gigabytesPerSecond(copying.medianMs), 1)} GB/s\n`;
  return `${table}\n${rate}`;

  function order(operation: string): number {
    return timings.findIndex((timing) => timing.operation === operation);
  }
}
