import { operationsRepository } from '../jobs/operations-repository.ts';
import { LOCAL_OPERATOR } from './local-operator.ts';
import type { Storage } from './open-storage.ts';
import { passed, type Report, reportOf } from './report.ts';

/** Sets the switch that every server on this database obeys. To hear when the last round is over, ask a server. */
export async function drain({ database, audit }: Storage, on: boolean, nowMs: number): Promise<Report> {
  const { name } = LOCAL_OPERATOR.principal;
  const change = { name: 'drain', isOn: on, reason: 'command line', setBy: name, setAtMs: nowMs } as const;
  await audit.record(LOCAL_OPERATOR, {
    action: on ? 'system.drain' : 'system.undrain',
    subject: 'system',
    effect: () => operationsRepository(database).setSwitch(change),
  });
  return reportOf('drain', nowMs, [
    passed('drain', on ? 'No server on this database starts a round any more.' : 'Rounds may start again.'),
  ]);
}
