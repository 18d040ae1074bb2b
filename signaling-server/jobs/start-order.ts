import { createHash } from 'node:crypto';
import { check } from '../../shared/errors/index.ts';
import {
  canonicalJson,
  combinesGroups,
  type Federation,
  mostParticipants,
} from '../../shared/federation/index.ts';
import { isParticipantId } from '../../shared/identity/index.ts';
import type { StartTraining, TrainingConfig } from './training.ts';

/** Characters of a name. */
const MAX_NAME = 120;
const MAX_CLIENTS = 4096;
/** Clocks of those who ask may be off by so much: what is less in the past begins now. */
const SKEW_MS = 60_000;

/** What was asked, for telling the same request from another. Hex SHA-256. */
export function requestHash(request: unknown): string {
  return createHash('sha256').update(canonicalJson(request)).digest('hex');
}

/**
 * Whether this federation can be trained so. Limits narrow what its document says and never widen it; a limit above the document's is
 * allowed and changes nothing. SPEC J-06.
 * @throws `argument.invalid` with the path of the offending field.
 */
export function checkStart(order: StartTraining, federation: Federation, nowMs: number): void {
  const { jobName, clients = [], config = {} } = order;
  refuse(jobName === undefined || (jobName.length > 0 && jobName.length <= MAX_NAME), 'jobName', {
    expected: `1 to ${MAX_NAME} characters`,
  });
  checkClients(clients, federation);
  checkConfig(config, federation, nowMs);
  const { startAtMs } = config;
  refuse(startAtMs === undefined || startAtMs >= nowMs - SKEW_MS, 'config.startAtMs', {
    expected: 'a time to come',
    received: startAtMs === undefined ? '' : isoOf(startAtMs),
  });
}

/** As {@link checkStart}, of a training that may have begun. */
export function checkConfig(config: TrainingConfig, federation: Federation, nowMs: number): void {
  const { maxRounds, targetAccuracy, earlyStopping, clientsPerRound, startAtMs, deadlineAtMs, maxAbandoned } =
    config;
  const { minParticipants, groupSize } = federation.cohort;
  refuse(maxRounds === undefined || isCount(maxRounds), 'config.maxRounds', COUNT);
  refuse(maxAbandoned === undefined || isCount(maxAbandoned), 'config.maxAbandoned', COUNT);
  refuse(
    targetAccuracy === undefined || (targetAccuracy >= 0 && targetAccuracy <= 1),
    'config.targetAccuracy',
    {
      expected: '0 to 1',
    },
  );
  if (targetAccuracy !== undefined || earlyStopping !== undefined) {
    const path = targetAccuracy === undefined ? 'config.earlyStopping' : 'config.targetAccuracy';
    refuse(federation.evaluation !== 'none', path, {
      expected: 'nothing where the document has evaluation "none": nobody evaluates versions',
    });
  }
  if (earlyStopping !== undefined) {
    const { patience, minDelta } = earlyStopping;
    refuse(isCount(patience), 'config.earlyStopping.patience', COUNT);
    refuse(Number.isFinite(minDelta) && minDelta >= 0, 'config.earlyStopping.minDelta', {
      expected: 'a number of at least 0',
    });
  }
  if (clientsPerRound !== undefined) {
    refuse(isCount(clientsPerRound) && clientsPerRound >= minParticipants, 'config.clientsPerRound', {
      expected: `at least ${minParticipants}, the document's minParticipants`,
      received: String(clientsPerRound),
    });
    refuse(!combinesGroups(federation) || clientsPerRound > groupSize, 'config.clientsPerRound', {
      expected: `more than ${groupSize}, the document's groupSize: its robust rule is over several groups`,
      received: String(clientsPerRound),
    });
  }
  refuse(
    deadlineAtMs === undefined || deadlineAtMs > Math.max(nowMs, startAtMs ?? 0),
    'config.deadlineAtMs',
    {
      expected: 'a time to come, after config.startAtMs',
      received: deadlineAtMs === undefined ? '' : isoOf(deadlineAtMs),
    },
  );
}

function checkClients(clients: readonly string[], { cohort }: Federation): void {
  if (clients.length === 0) return;
  refuse(clients.length <= MAX_CLIENTS && new Set(clients).size === clients.length, 'clients', {
    expected: `at most ${MAX_CLIENTS} different participants`,
  });
  const wrong = clients.findIndex((id) => !isParticipantId(id));
  refuse(wrong < 0, `clients[${wrong}]`, { expected: 'the id of a participant' });
  refuse(clients.length >= cohort.minParticipants, 'clients', {
    expected: `at least ${cohort.minParticipants}, the document's minParticipants, and up to ${mostParticipants(cohort)} of them in a round`,
    received: String(clients.length),
  });
}

const COUNT = { expected: 'a whole number of at least 1' };

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function isoOf(atMs: number): string {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? String(atMs) : date.toISOString();
}

function refuse(
  isGood: boolean,
  path: string,
  facts: { readonly expected: string; readonly received?: string },
): asserts isGood {
  check(isGood, 'argument.invalid', 'This training cannot be run so.', { path, ...facts });
}
