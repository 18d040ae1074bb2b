import { grouped, quantile } from '../table.ts';
import type { SimulationPlan } from './plan.ts';
import { duration } from './progress.ts';
import type { RoundResult } from './run.ts';

/** What a whole simulation came to, as rows of a name and a value. */
export function summaryRows(
  plan: SimulationPlan,
  results: readonly RoundResult[],
): readonly (readonly [string, string])[] {
  const last = results.at(-1);
  if (last === undefined) return [['rounds', 'none']];
  const sum = (of: (result: RoundResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const evaluated = results.flatMap(({ accuracy }) => accuracy ?? []);
  const latest = results.findLast(({ accuracy }) => accuracy !== undefined);
  const percent = (part: number) => `${(100 * part).toFixed(2)} %`;
  const perParticipant = (bytes: number) =>
    `${grouped(bytes / 1e6)} MB, ${grouped(
      bytes /
        1e3 /
        Math.max(
          1,
          sum(({ invited }) => invited),
        ),
    )} kB per participant and round`;
  const invited = sum((result) => result.invited);
  return [
    ['clients', `${grouped(plan.clients)}, ${plan.examplesPerClient} examples each (${plan.data})`],
    ['rounds', `${last.round}, ${grouped(sum(({ abandoned }) => abandoned))} attempts abandoned`],
    ['accuracy', latest === undefined ? 'not measured' : percent(latest.accuracy!)],
    ['best accuracy', evaluated.length === 0 ? 'not measured' : percent(Math.max(...evaluated))],
    ['loss', latest?.loss === undefined ? 'not measured' : latest.loss.toFixed(4)],
    ['simulated time', duration(last.simulatedSeconds)],
    [
      'participants a round',
      `${(invited / results.length).toFixed(1)} invited, ${(sum(({ survivors }) => survivors) / results.length).toFixed(1)} in the sum`,
    ],
    [
      'vanished',
      `${grouped(sum(({ vanished }) => vanished))}, ${percent(sum(({ vanished }) => vanished) / Math.max(1, invited))} of those invited`,
    ],
    [
      'liars',
      plan.attack === undefined
        ? 'none'
        : `${plan.attack.type}: ${percent(sum(({ liars }) => liars) / Math.max(1, invited))} of those invited`,
    ],
    ['sent by participants', perParticipant(sum(({ upBytes }) => upBytes))],
    ['sent to participants', perParticipant(sum(({ downBytes }) => downBytes))],
    [
      'time a round',
      `${quantile(
        results.map(({ seconds }) => seconds),
        0.5,
      ).toFixed(2)} s, ${quantile(
        results.map(({ cpuSeconds }) => cpuSeconds),
        0.5,
      ).toFixed(2)} s of processors (medians)`,
    ],
    ['most nodes at a time', grouped(Math.max(...results.map(({ mostLive }) => mostLive)))],
    ['peak memory', `${grouped(peakBytes(results) / 1e6)} MB`],
  ];
}

/** Of the process, all threads and the data included. */
export function peakBytes(results: readonly RoundResult[]): number {
  return Math.max(0, ...results.map(({ residentBytes }) => residentBytes));
}
