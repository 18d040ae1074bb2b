import type { KeystreamRate } from './keystream.ts';
import { isMeasured, type ParticipantCell, type RefusedCell } from './measure.ts';
import { expansion, type Traffic } from './traffic.ts';

/** The cohort that the bounds are for. */
const SIZE = 10;
const TOTAL_MS = 100;
const SENT_BYTES = 3_900_000;
const EXPANSION = 1.02;
/** Two medians of the same work under other load. */
const RATE_TOLERANCE = 1.25;

export interface MeasuredTraffic {
  readonly topology: 'mesh' | 'server';
  readonly size: number;
  readonly traffic: Traffic;
}

/** What is beyond its bound, in words. Bounds on what was not measured are passed over. */
export function failuresOf(
  cells: readonly (ParticipantCell | RefusedCell)[],
  traffics: readonly MeasuredTraffic[],
  keystreams: readonly (KeystreamRate & { readonly where: string })[],
  aesLimitGbps: number,
): string[] {
  return [
    ...cells
      .filter(isMeasured)
      .filter(({ topology, size, totalMs }) => topology === 'mesh' && size === SIZE && totalMs > TOTAL_MS)
      .map(
        ({ where, left, totalMs }) =>
          `${where}: mesh of ${SIZE}, ${left} left: ${totalMs.toFixed(1)} ms per peer, bound ${TOTAL_MS}`,
      ),
    ...traffics.flatMap(({ topology, size, traffic }) => {
      if (topology !== 'mesh') return [];
      const ratio = expansion(traffic);
      return [
        ...(ratio > EXPANSION ? [`mesh of ${size}: expansion ${ratio.toFixed(4)}, bound ${EXPANSION}`] : []),
        ...(size === SIZE && traffic.sentBytes > SENT_BYTES
          ? [`mesh of ${SIZE}: ${traffic.sentBytes} bytes sent per peer, bound ${SENT_BYTES}`]
          : []),
      ];
    }),
    // Faster than the machine, or applied faster than expanded: then it is the measurement that is wrong.
    ...keystreams
      .filter(({ expandGbps, applyGbps }) => Math.max(expandGbps, applyGbps) > aesLimitGbps)
      .map(({ where, name }) => `${where}: ${name} is faster than AES on this machine: measured wrongly`),
    ...keystreams
      .filter(({ expandGbps, applyGbps }) => applyGbps > RATE_TOLERANCE * expandGbps)
      .map(
        ({ where, name }) => `${where}: ${name} applies masks faster than it expands them: measured wrongly`,
      ),
  ];
}
