import { formatTable, grouped } from '../table.ts';
import type { MeasuredTraffic } from './bounds.ts';
import type { KeystreamRate } from './keystream.ts';
import { isMeasured, type ParticipantCell, type RefusedCell } from './measure.ts';
import { PHASES } from './round.ts';
import type { ServerCost } from './server.ts';
import { expansion } from './traffic.ts';

export interface ServerCell {
  readonly size: number;
  readonly left: number;
  readonly cost: ServerCost;
}

export function reportParticipants(cells: readonly (ParticipantCell | RefusedCell)[]): string {
  const rows = cells.map((cell) => {
    const who = [cell.where, cell.topology, cell.size, cell.left];
    if (!isMeasured(cell)) return [...who, ...PHASES.map(() => undefined), cell.refused, undefined];
    return [
      ...who,
      ...PHASES.map((phase) => ms(cell.phases[phase])),
      ms(cell.totalMs),
      cell.coldTotalMs === null ? undefined : ms(cell.coldTotalMs),
    ];
  });
  return formatTable(['where', 'topology', 'n', 'left', ...PHASES, 'total ms', 'first round'], rows);
}

export function reportServer(cells: readonly ServerCell[]): string {
  return formatTable(
    ['n', 'left', 'collect ms', 'check shares', 'reconstruct', 'unmask', 'total s', 'masks', 'unmask is'],
    cells.map(({ size, left, cost }) => {
      const { collectMs, siftMs, reconstructMs, unmaskMs, masks, masksExpanded } = cost;
      const parts = [collectMs, siftMs, reconstructMs, unmaskMs];
      return [
        ...[size, left, ...parts.map((part) => grouped(part))],
        grouped(parts.reduce((a, b) => a + b) / 1000, 2),
        grouped(masks),
        masksExpanded === masks ? 'measured' : `scaled from ${grouped(masksExpanded)} masks`,
      ];
    }),
  );
}

export function reportTraffic(traffics: readonly MeasuredTraffic[]): string {
  return formatTable(
    [
      'topology',
      'n',
      'sent',
      'without deputy',
      'plain',
      'expansion',
      'with deputy',
      'received',
      'plain',
      'expansion',
    ],
    traffics.map(({ topology, size, traffic }) => {
      const { sentBytes, sentPlainBytes, receivedBytes, receivedPlainBytes, deputyBytes } = traffic;
      return [
        ...[topology, size, grouped(sentBytes), grouped(sentBytes - deputyBytes), grouped(sentPlainBytes)],
        ...[expansion(traffic).toFixed(4), (sentBytes / sentPlainBytes).toFixed(4)],
        ...[grouped(receivedBytes), grouped(receivedPlainBytes)],
        ((receivedBytes - deputyBytes) / receivedPlainBytes).toFixed(4),
      ];
    }),
  );
}

/** Message by message, for one cohort. */
export function reportMessages({ traffic }: MeasuredTraffic): string {
  return formatTable(
    ['message', 'direction', 'count', 'bytes', 'in a plain round'],
    traffic.rows.map(({ message, direction, count, secureBytes, plainBytes }) => [
      message,
      direction,
      count,
      grouped(secureBytes),
      grouped(plainBytes),
    ]),
  );
}

/** Additive shares: each participant cuts its floats into n random ones of 8 bytes and sends all but one away. */
export function reportNaive(traffics: readonly MeasuredTraffic[], parameters: number): string {
  return formatTable(
    ['n', 'float shares to everyone', 'ours', 'times less'],
    traffics
      .filter(({ topology }) => topology === 'mesh')
      .map(({ size, traffic }) => {
        const naive = (size - 1) * 8 * parameters;
        return [size, grouped(naive), grouped(traffic.sentBytes), (naive / traffic.sentBytes).toFixed(1)];
      }),
  );
}

export function reportKeystreams(
  rates: readonly (KeystreamRate & { readonly where: string })[],
  limitGbps: number,
): string {
  const rows = rates.map(({ where, name, expandGbps, applyGbps }) => [
    where,
    name,
    expandGbps.toFixed(2),
    share(expandGbps, limitGbps),
    applyGbps.toFixed(2),
    share(applyGbps, limitGbps),
  ]);
  const limit = [
    'Node',
    'limit: AES-256-CTR of OpenSSL',
    limitGbps.toFixed(2),
    '100 %',
    undefined,
    undefined,
  ];
  return formatTable(
    ['where', 'suite', 'keystream GB/s', 'of the limit', 'masks applied GB/s', 'of the limit'],
    [limit, ...rows],
  );
}

function share(value: number, whole: number): string {
  return `${((100 * value) / whole).toFixed(0)} %`;
}

function ms(value: number): string {
  return grouped(value, value < 100 ? 1 : 0);
}
