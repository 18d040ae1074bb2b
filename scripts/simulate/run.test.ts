import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileModel } from '../../shared/training/index.ts';
import { planOf, readCommandLine, type SimulationPlan } from './plan.ts';
import { createProgress, duration } from './progress.ts';
import { reportHtml } from './report.ts';
import { type Laboratory, openLaboratory, type RoundResult, roundByRound, runPlan } from './run.ts';
import { summaryRows } from './summary.ts';

const document = {
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'tiny',
  name: 'Tiny <federation>',
  data: { kind: 'records', features: 4, target: { name: 'c', type: 'class', labels: ['a', 'b', 'c'] } },
  model: { layers: [{ type: 'dense', units: 3 }], loss: 'softmaxCrossEntropy' },
  training: { optimizer: { type: 'sgd', learningRate: 0.1 }, batchSize: 5 },
  strategy: { type: 'fedavg', weighting: 'uniform' },
  cohort: { minParticipants: 3, groupSize: 6 },
  rounds: { maximum: 5 },
  paths: ['server'],
};

function planWith(...args: string[]): SimulationPlan {
  const common = ['--clients=300', '--examples-per-client=20', '--dropout=0.1', '--attack=sign-flip:0.2'];
  const { values } = readCommandLine([...common, ...args]);
  return planOf(document, values, (federation) => compileModel(federation).layout.length);
}

let one: Laboratory;
let two: Laboratory;
let folder: string;
beforeAll(async () => {
  [one, two] = await Promise.all([
    openLaboratory(planWith('--workers=1')),
    openLaboratory(planWith('--workers=2')),
  ]);
  folder = await mkdtemp(join(tmpdir(), 'murmuration-run-'));
}, 60_000);
afterAll(async () => {
  await Promise.all([one.pool.close(), two.pool.close(), rm(folder, { recursive: true, force: true })]);
});

const stable = (results: readonly RoundResult[]) =>
  results.map(({ seconds: _, cpuSeconds: __, mainSeconds: ___, residentBytes: ____, ...rest }) => rest);

test('the number of workers changes nothing but time', async () => {
  const [alone, together] = [await runPlan(planWith(), one), await runPlan(planWith(), two)];
  expect(stable(together)).toEqual(stable(alone));
  expect(alone).toHaveLength(5);
  expect(alone.at(-1)!.accuracy).toBeGreaterThan(0.5);
  expect(Math.max(...alone.map(({ mostLive }) => mostLive))).toBeLessThanOrEqual(planWith().available);
});

test('stopped by a signal it gives what was reached, and goes on from there', async () => {
  const stateFile = join(folder, 'state.json');
  const whole = await runPlan(planWith(), one);
  const controller = new AbortController();
  const before = await runPlan(planWith(), two, {
    stateFile,
    signal: controller.signal,
    onRound: ({ round }) => {
      if (round === 2) controller.abort(new Error('enough'));
    },
  });
  expect(before.length).toBeGreaterThanOrEqual(2);
  expect(before.length).toBeLessThan(5);
  const seen: number[] = [];
  const after = await runPlan(planWith(), one, { stateFile, onRound: ({ round }) => seen.push(round) });
  expect(seen).toEqual([1, 2, 3, 4, 5]);
  expect(after.map(({ hash }) => hash)).toEqual(whole.map(({ hash }) => hash));
  expect(JSON.parse(await readFile(stateFile, 'utf8')).term).toBe(2);
  const again = await runPlan(planWith(), one, { stateFile });
  expect(again).toEqual(after);
});

test('a state of another plan is refused, of more rounds it is not', async () => {
  const stateFile = join(folder, 'other.json');
  await runPlan(planWith('--rounds=2'), one, { stateFile });
  await expect(runPlan(planWith('--seed=another'), one, { stateFile })).rejects.toMatchObject({
    code: 'argument.invalid',
  });
  expect(await runPlan(planWith('--rounds=3'), one, { stateFile })).toHaveLength(3);
});

test('it ends at the target', async () => {
  const results = await runPlan(planWith('--target=0.01'), one);
  expect(results).toHaveLength(1);
});

test('round by round nothing is evaluated, and leaving ends it', async () => {
  const results: RoundResult[] = [];
  for await (const result of roundByRound(planWith(), one)) {
    results.push(result);
    if (results.length === 2) break;
  }
  expect(results.map(({ round, accuracy }) => [round, accuracy])).toEqual([
    [1, undefined],
    [2, undefined],
  ]);
});

test('the report stands for itself: markup is escaped, every round has its row', async () => {
  const plan = planWith('--rounds=3');
  const results = await runPlan(plan, one);
  const html = reportHtml(plan, results, new Date(0));
  expect(html).toContain('Tiny &lt;federation&gt;');
  expect(html).not.toContain('<federation>');
  expect(html.match(/<tr><th scope="row">\d+<\/th>/g)).toHaveLength(3);
  expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  expect(Object.fromEntries(summaryRows(plan, results)).rounds).toMatch(/^3, \d+ attempts abandoned$/);
  expect(summaryRows(plan, [])).toEqual([['rounds', 'none']]);
});

test('elsewhere than on a terminal there is a line for each round, on one the chart is drawn anew', async () => {
  const [first, second] = await runPlan(planWith('--rounds=2'), one);
  const written = (isTTY: boolean): string => {
    let text = '';
    const progress = createProgress({ isTTY, columns: 100, write: (part) => (text += part) }, 2);
    progress.round(first!);
    progress.note('something happened');
    progress.round(second!);
    return text;
  };
  expect(written(false).split('\n')).toHaveLength(4);
  expect(written(false)).not.toContain('\u001b');
  const erased = written(true).split('\u001b[');
  // Before the note and before the second round, thirteen lines up, and clear.
  expect(erased.filter((part) => part.startsWith('13A'))).toHaveLength(2);
  const lines = written(true).split('\n');
  // Of a line that begins by erasing what was there, what follows.
  expect(lines.every((line) => line.slice(line.lastIndexOf('\u001b[') + 1).length <= 100)).toBe(true);
});

test('durations are read at a glance', () => {
  expect(duration(3661)).toBe('01:01:01');
  expect(duration(2 * 86_400 + 5)).toBe('2 d 00:00:05');
});
