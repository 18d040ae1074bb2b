import { test as base, type TestInfo } from '@playwright/test';
import { type BrowserParticipant, openParticipant, type ParticipantOptions } from './participant.ts';
import { readRecording, recordTabs } from './recorder.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

export { expect } from '@playwright/test';

interface Fixtures {
  /** The real server on a free port and a data folder of its own. */
  readonly server: ServerProcess;
  /** Opens a participant's browser profile on that server. Its tab is closed when the test ends. */
  readonly join: (options: ParticipantOptions) => Promise<BrowserParticipant>;
}

/** Every end-to-end test has its own server; what it and the tabs were doing is attached when a test fails. */
export const test = base.extend<Fixtures>({
  server: async ({ browserName: _ }, use, info) => {
    const server = await startServerProcess();
    await use(server);
    await attachOnFailure(info, server, []);
    await server.stop();
  },

  join: async ({ browser, server }, use, info) => {
    const participants: BrowserParticipant[] = [];
    await use(async (options) => {
      const prepare = async (context: Parameters<typeof recordTabs>[0]): Promise<void> => {
        await recordTabs(context);
        await options.prepare?.(context);
      };
      const participant = await openParticipant(browser, server.url, { ...options, prepare });
      participants.push(participant);
      return participant;
    });
    await attachOnFailure(info, undefined, participants);
    for (const participant of participants) await participant.close();
  },
});

/** For tests that share a server and its tabs: what they were doing when one failed. */
export async function attachOnFailure(
  info: TestInfo,
  server: ServerProcess | undefined,
  participants: readonly BrowserParticipant[],
): Promise<void> {
  if (!failed(info)) return;
  if (server !== undefined) await info.attach('server.log', { body: server.log.slice(-400).join('\n') });
  for (const [index, participant] of participants.entries()) await attachState(info, index, participant);
}

function failed({ status, expectedStatus }: TestInfo): boolean {
  return status !== expectedStatus;
}

async function attachState(info: TestInfo, index: number, participant: BrowserParticipant): Promise<void> {
  if (participant.page.isClosed()) return;
  const [snapshot, recording] = await Promise.all([participant.snapshot(), readRecording(participant.page)]);
  const body = JSON.stringify({ snapshot, recording }, null, 2);
  await info.attach(`participant-${index}.json`, { body, contentType: 'application/json' });
}
