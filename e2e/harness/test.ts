import { test as base, type TestInfo } from '@playwright/test';
import { type HeadlessParticipant, startHeadless } from './headless.ts';
import { type BrowserParticipant, openParticipant, type ParticipantOptions } from './participant.ts';
import { readRecording, recordTabs } from './recorder.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

export { expect } from '@playwright/test';

interface Fixtures {
  /** Settings of the server, beside those of the machine. */
  readonly environment: Readonly<Record<string, string>>;
  /** The real server on a free port and a data folder of its own. */
  readonly server: ServerProcess;
  /** Opens a participant's browser profile on that server. Its tab is closed when the test ends. */
  readonly join: (options: ParticipantOptions) => Promise<BrowserParticipant>;
  /** Starts a participant without a browser on that server. It is removed when the test ends. */
  readonly joinHeadless: (
    federation: string,
    data: Parameters<typeof startHeadless>[2],
    args?: readonly string[],
  ) => HeadlessParticipant;
}

/** Every end-to-end test has its own server; what it and the tabs were doing is attached when a test fails. */
export const test = base.extend<Fixtures>({
  environment: [{}, { option: true }],

  server: async ({ environment }, use, info) => {
    const server = await startServerProcess(environment);
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

  joinHeadless: async ({ server }, use, info) => {
    const started: HeadlessParticipant[] = [];
    await use((federation, data, args) => {
      const participant = startHeadless(server.url, federation, data, args);
      started.push(participant);
      return participant;
    });
    for (const [index, { log }] of started.entries()) {
      if (!failed(info)) break;
      const body = log.map((line) => JSON.stringify(line)).join('\n');
      await info.attach(`headless-${index}.log`, { body });
    }
    for (const participant of started) await participant.remove();
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
