import { expect, test } from 'vitest';
import type { ParticipantId } from '../../shared/identity/index.ts';
import { NOTHING_FIRES, observe, THRESHOLDS } from '../alerts/rules.ts';
import { createEvents, type ServerEvent } from '../events.ts';
import { createCredentials } from '../hub/credentials.ts';
import { systemClock } from '../hub/system-clock.ts';
import { createTopicBoard } from '../live/topic-board.ts';
import { createBudgetBoard } from '../observe/budget-board.ts';
import { createMetrics } from '../observe/metrics.ts';
import { localBus } from '../replicas/local-bus.ts';
import { shareEvents } from '../replicas/share-events.ts';
import { silentLog } from '../testing/silent-log.ts';

const ALICE = 'AAAAAAAAAAAAAAAAAAAAAA' as ParticipantId;
const BOB = 'BBBBBBBBBBBBBBBBBBBBBA' as ParticipantId;
const ERASED: ServerEvent = { type: 'participant-erased', participant: ALICE, federations: ['ward'] };
const outOf = (participant: ParticipantId): ServerEvent => ({
  type: 'participant-standing',
  federation: 'ward',
  participant,
  state: 'quarantined',
  cause: 'anomalous',
});

test('V-16: every replica hears of a deletion', async () => {
  const bus = localBus();
  const [here, there] = [bus.connect(), bus.connect()].map((each) =>
    shareEvents(createEvents(silentLog), each, silentLog),
  );
  const heard = new Promise<ServerEvent>((resolve) => there!.subscribe(resolve));
  here!.emit(ERASED);
  expect(await heard).toEqual(ERASED);
});

test('V-16: what is told again to whoever was away names it no more, and says that something is missing', () => {
  const board = createTopicBoard({ keptEvents: 10, keptTopics: 10 });
  const training = (clients: readonly string[]) =>
    ({ type: 'training_status', training: { clients } }) as const;
  board.add('federation:ward', training([ALICE, BOB]));
  board.add('federation:ward', training([BOB]));
  board.forget(ALICE);
  const { events, isGap, seq } = board.replay('federation:ward', 0, undefined);
  expect(events.map(({ message }) => message)).toEqual([training([BOB])]);
  expect([isGap, seq]).toEqual([true, 2]);
  // Whoever had read it misses nothing.
  expect(board.replay('federation:ward', 1, undefined)).toMatchObject({ isGap: false });
});

test('V-16: metrics count it no more', async () => {
  const metrics = createMetrics({ backlogThreshold: 1 });
  for (const event of [outOf(ALICE), outOf(BOB)]) metrics.note(event);
  metrics.note(ERASED);
  expect(await metrics.text()).toContain('fl_participants_out{federation="ward",cause="anomalous"} 1');
  metrics.close();
});

test('V-16: its budgets are shown no more, as a participant and as a user', () => {
  const board = createBudgetBoard();
  const row = { type: 'budget', epsilon: 1, limit: 2 } as const;
  board.note({ ...row, kind: 'participant', subject: ALICE, share: 0.9 });
  board.note({ ...row, kind: 'participant', subject: BOB, share: 0.1 });
  board.forget('participant', ALICE);
  expect(board.rows()).toEqual([{ kind: 'participant', subject: '*', share: 0.1, epsilon: 1 }]);
});

test('V-16: an alert about it alone is over, and one about others stays', () => {
  const after = (...events: ServerEvent[]) =>
    events.reduce((state, event) => observe(state, event, THRESHOLDS, 1).state, NOTHING_FIRES);
  expect(observe(after(outOf(ALICE)), ERASED, THRESHOLDS, 2).changes).toEqual([
    { type: 'resolve', fingerprint: 'anomaly/ward' },
  ]);
  const both = observe(after(outOf(ALICE), outOf(BOB)), ERASED, THRESHOLDS, 2);
  expect(both.changes).toEqual([]);
  expect([...both.state.out.values()].map(({ participants }) => [...participants])).toEqual([[BOB]]);
});

test('V-16: its token of the hub ends, also where its connection was lost a moment ago', () => {
  const credentials = createCredentials(systemClock, 60_000, new Uint8Array(32));
  const holder = { federation: 'ward', participant: ALICE, incarnation: 1 };
  const tokens = [holder, { ...holder, federation: 'other' }].map(credentials.issue);
  credentials.lapse(holder);
  credentials.revokeAll(ALICE, 'other');
  expect(tokens.map((token) => credentials.find(token)?.federation)).toEqual(['ward', undefined]);
  credentials.revokeAll(ALICE);
  expect(credentials.find(tokens[0]!)).toBeUndefined();
});
