import { type NodeId, type ParticipantId, SERVER } from '../../../../shared/identity/index.ts';
import type { RoundRecord } from '../../../../shared/wire/index.ts';
import type { SessionPhase, SessionSnapshot } from '../../session/snapshot.ts';

const self = 'Jq3vTnB8xW2cLrY5mKpZ0A' as ParticipantId;
const others = ['kD82mfaQ', 'Zt41xxPb', 'p0Lw7hNe', 'Ux9sRr2c', 'b6GyVV4m'].map(
  (start) => start.padEnd(22, 'x') as ParticipantId,
);
const START_MS = Date.UTC(2026, 10, 22, 9, 30);

const hash = (round: number): string => (round * 2654435761).toString(16).padStart(64, 'c3a91f').slice(-64);

function record(round: number): RoundRecord {
  const accuracy = 0.965 - 0.6 * Math.exp(-round / 3.2) + 0.006 * Math.sin(round * 2.3);
  return {
    round,
    term: 1,
    attempt: 0,
    coordinator: SERVER,
    federationRevision: 2,
    baseHash: hash(round - 1),
    hash: hash(round),
    survivors: [self, ...others].slice(0, round % 5 === 0 ? 5 : 6),
    dropped: round % 5 === 0 ? [others[4]!] : [],
    startedAtMs: START_MS + round * 9000,
    trainMs: 5200 + 300 * Math.sin(round),
    exchangeMs: 410 + 40 * Math.cos(round),
    applyMs: 24,
    evaluation: {
      total: 10_000,
      correct: Math.round(accuracy * 10_000),
      lossSum: 10_000 * (0.12 + 2 * Math.exp(-round / 2.6)),
    },
    secure: null,
  };
}

/** The same in a secure federation: everyone confirmed, and two thirds would have done. */
export function secureSnapshotAt(
  phase: SessionPhase,
  rounds: number,
  changes: Partial<SessionSnapshot> = {},
): SessionSnapshot {
  const snapshot = snapshotAt(phase, rounds, { federationId: 'digits-secure', ...changes });
  const records = snapshot.records.map((each) => ({
    ...each,
    secure: { threshold: 4, confirmations: each.survivors.length },
  }));
  return { ...snapshot, records };
}

/** A session in some phase, after some finished rounds. */
export function snapshotAt(
  phase: SessionPhase,
  rounds: number,
  changes: Partial<SessionSnapshot> = {},
): SessionSnapshot {
  const paths = ['direct', 'direct', 'relay', 'direct', 'relay'] as const;
  return {
    federationId: 'digits',
    run: 'digits-1',
    self,
    phase,
    serverConnected: true,
    coordinator: SERVER,
    model: { version: rounds, hash: hash(rounds) },
    records: Array.from({ length: rounds }, (_, i) => record(i + 1)),
    secure: undefined,
    refused: undefined,
    peers: [
      ...others.map((id, i) => ({
        id: id as NodeId,
        path: paths[i]!,
        bytesSent: 2_300_000 + i * 41_000,
        bytesReceived: 2_280_000 + i * 39_500,
        bytesPerSecond: i === 3 ? 0 : 182_000 + i * 21_000,
      })),
      { id: SERVER, path: 'server', bytesSent: 81_000, bytesReceived: 640_000, bytesPerSecond: 900 },
    ],
    backend: 'wasm',
    examplesPerSecond: 2840,
    bytesSent: 12_800_000,
    bytesReceived: 13_100_000,
    notices: [
      { atMs: START_MS + 4000, level: 'info', text: 'Joined the run at round 1.' },
      {
        atMs: START_MS + 41_000,
        level: 'warning',
        text: 'Peer p0Lw7h is reached through the relay now: the direct path was lost.',
      },
      { atMs: START_MS + 99_000, level: 'info', text: 'Round 10 went on without peer b6GyVV, which left.' },
    ],
    ...changes,
  };
}
