import { expect } from '@playwright/test';
import type { SessionSnapshot } from '../../web/src/session/snapshot.ts';
import { roundsOf } from './api.ts';
import type { BrowserParticipant } from './participant.ts';
import { readRecording } from './recorder.ts';

/** Long: a busy machine with two cores trains a whole cohort. */
export const ROUNDS_MS = 90_000;

export const hasModel = (version: number) => (snapshot: SessionSnapshot) =>
  (snapshot.model?.version ?? 0) >= version;

export const hasFinished = ({ phase }: SessionSnapshot) => phase.name === 'finished';

/**
 * Every model that a tab held is the one that the server's record names for that round, and there is a round from
 * `fromRound` on whose model all tabs held.
 */
export async function expectOneModel(
  serverUrl: string,
  participants: readonly BrowserParticipant[],
  fromRound: number,
): Promise<void> {
  const { run } = await participants[0]!.until(hasModel(fromRound), ROUNDS_MS);
  await expect
    .poll(async () => (await commonVersions(participants)).some((version) => version >= fromRound), {
      message: `a model of round ${fromRound} or later at every participant`,
      timeout: ROUNDS_MS,
    })
    .toBe(true);
  const common = await commonVersions(participants);
  const newest = common.at(-1)!;
  await expect
    .poll(async () => (await roundsOf(serverUrl, run!)).map(({ round }) => round), {
      message: `every round up to ${newest} on the server`,
      timeout: ROUNDS_MS,
    })
    .toEqual(expect.arrayContaining(Array.from({ length: newest }, (_, index) => index + 1)));
  const recorded = new Map((await roundsOf(serverUrl, run!)).map(({ round, hash }) => [round, hash]));
  for (const participant of participants) {
    const { models, errors } = await readRecording(participant.page);
    for (const [version, hash] of Object.entries(models))
      if (recorded.has(Number(version))) expect(hash, `model ${version}`).toBe(recorded.get(Number(version)));
    expect(errors).toEqual([]);
  }
}

async function commonVersions(participants: readonly BrowserParticipant[]): Promise<number[]> {
  const seen = await Promise.all(participants.map(async ({ page }) => (await readRecording(page)).models));
  const [first, ...others] = seen;
  return Object.keys(first ?? {})
    .map(Number)
    .filter((version) => version > 0 && others.every((models) => version in models))
    .sort((a, b) => a - b);
}
