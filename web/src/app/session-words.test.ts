import { describe, expect, it } from 'vitest';
import type { ParticipantId } from '../../../shared/identity/index.ts';
import type { RoundRecord } from '../../../shared/wire/index.ts';
import type { SessionPhase, SessionSnapshot } from '../session/snapshot.ts';
import {
  changeWords,
  connectedParticipants,
  currentRound,
  isActive,
  metricsOf,
  nodeWords,
  phaseProgress,
} from './session-words.ts';

const record = (round: number, correct: number | undefined): RoundRecord => ({
  round,
  term: 1,
  attempt: 0,
  coordinator: 'server',
  federationRevision: 1,
  baseHash: '0'.repeat(64),
  hash: '1'.repeat(64),
  survivors: [],
  dropped: [],
  startedAtMs: 0,
  trainMs: 1,
  exchangeMs: 1,
  applyMs: 1,
  evaluation: correct === undefined ? null : { total: 200, correct, lossSum: 100 },
  secure: null,
});
const snapshot = (phase: SessionPhase, records: readonly RoundRecord[] = []): SessionSnapshot => ({
  federationId: 'digits',
  run: 'r',
  self: undefined,
  phase,
  serverConnected: true,
  coordinator: 'server',
  model: undefined,
  records,
  secure: undefined,
  refused: undefined,
  peers: [],
  backend: undefined,
  examplesPerSecond: undefined,
  bytesSent: 0,
  bytesReceived: 0,
  notices: [],
});
const [a, b, c] = ['A', 'B', 'C'].map((letter) => letter.repeat(22) as ParticipantId) as [
  ParticipantId,
  ParticipantId,
  ParticipantId,
];
const waiting: SessionPhase = { name: 'waiting', participants: 2, needed: 2 };

describe('metricsOf', () => {
  it('divides counts, and leaves out rounds that were not evaluated', () => {
    expect(metricsOf(snapshot(waiting, [record(1, 150), record(2, undefined), record(3, 190)]))).toEqual([
      { round: 1, accuracy: 0.75, loss: 0.5 },
      { round: 3, accuracy: 0.95, loss: 0.5 },
    ]);
  });
});

describe('changeWords', () => {
  it('tells a finished round with its accuracy, and progress inside a round not at all', () => {
    const before = snapshot(waiting, [record(1, 150)]);
    const training: SessionPhase = { name: 'training', round: 2, batch: 1, batches: 4, loss: 0.5 };
    expect(changeWords(before, snapshot(training, [record(1, 150)]))).toBeUndefined();
    expect(changeWords(before, snapshot(waiting, [record(1, 150), record(2, 180)]))).toMatch(
      /^Round 2 finished\. Accuracy 90\.0\s?%\.$/,
    );
    expect(changeWords(before, snapshot(waiting, [record(1, 150), record(2, undefined)]))).toBe(
      'Round 2 finished.',
    );
  });

  it('tells being joined, paused and stopped, once each', () => {
    const connecting = snapshot({ name: 'connecting' });
    expect(changeWords(connecting, snapshot(waiting))).toMatch(/^Waiting/);
    const paused = snapshot({ name: 'paused' });
    expect(changeWords(snapshot(waiting), paused)).toMatch(/^Paused/);
    expect(changeWords(paused, paused)).toBeUndefined();
    const byRule = snapshot({ name: 'paused', because: 'mobile-network' });
    const onHold: SessionPhase = { ...waiting, onHold: 'Maintenance.' };
    expect(changeWords(snapshot(waiting), snapshot(onHold))).toBe('Paused by the operator');
    expect(changeWords(snapshot(onHold), snapshot(onHold))).toBeUndefined();
    expect(changeWords(snapshot(onHold), snapshot(waiting))).toBe('The operator resumed.');
    expect(changeWords(snapshot(waiting), byRule)).toMatch(/^Paused by your settings\. .*mobile network/);
  });

  it('tells a secure round, and one that was refused, once', () => {
    const before = snapshot(waiting);
    const secured = { ...record(1, undefined), secure: { threshold: 2, confirmations: 3 } };
    expect(changeWords(before, snapshot(waiting, [{ ...secured, survivors: [a, b, c] }]))).toBe(
      'Round 1 finished. Secure: 3 of 3 confirmed, threshold 2.',
    );
    const refused = { ...before, refused: { round: 1, code: 'secagg.below-threshold' } };
    expect(changeWords(before, refused)).toMatch(
      /^Round 1 was refused: it could not be made secure\. Too few/,
    );
    expect(changeWords(refused, refused)).toBeUndefined();
  });

  it('does not read out the history that a late joiner finds', () => {
    expect(changeWords(undefined, snapshot({ name: 'connecting' }, [record(9, 1)]))).toBeUndefined();
  });
});

it('knows the round, the progress and whether a session is on', () => {
  expect(currentRound(snapshot({ name: 'applying', round: 4 }, [record(3, 1)]))).toBe(4);
  expect(currentRound(snapshot({ name: 'paused' }, [record(3, 1)]))).toBe(3);
  expect(phaseProgress({ name: 'uploading', round: 1, delivered: 1, slices: 4 })).toBe(0.25);
  expect(phaseProgress({ name: 'uploading', round: 1, delivered: 0, slices: 0 })).toBe(0);
  expect(phaseProgress({ name: 'applying', round: 1 })).toBeUndefined();
  expect(isActive({ name: 'paused' })).toBe(true);
  expect(isActive({ name: 'finished', reason: 'stopped' })).toBe(false);
});

it('does not count the server as a participant', () => {
  const peer = { path: 'direct', bytesSent: 0, bytesReceived: 0, bytesPerSecond: 0 } as const;
  const other = 'B'.repeat(22) as ParticipantId;
  const peers = [
    { ...peer, id: other },
    { ...peer, id: 'server' },
  ] as const;
  expect(connectedParticipants({ ...snapshot(waiting), peers })).toBe(1);
});

it('names nodes from where this device stands', () => {
  const self = 'A'.repeat(22) as ParticipantId;
  expect(nodeWords('server', self)).toBe('the server');
  expect(nodeWords(self, self)).toBe('this device');
  expect(nodeWords('B'.repeat(22), self)).toBe('peer BBBBBB');
});
