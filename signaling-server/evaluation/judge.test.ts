import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Federation, parseFederation, sampleFederations } from '../../shared/federation/index.ts';
import { compileModel } from '../../shared/training/index.ts';
import { type Model, makeModel } from '../../shared/update/index.ts';
import { createEngineBoard, type EngineBoard } from '../engines/engine-board.ts';
import { silentLog } from '../testing/silent-log.ts';
import { createSlots } from '../threads/slots.ts';
import { type HeldOutFiles, heldOutFiles } from './held-out-files.ts';
import { createJudge, type HeldOutJudge, type JudgeOptions } from './judge.ts';

vi.setConfig({ testTimeout: 60_000 });

/** y = 1 where x > 0: one weight and one bias, so that every prediction can be seen. */
const federation: Federation = parseFederation({
  format: 'murmuration/federation',
  formatVersion: 1,
  id: 'sign',
  name: 'Sign',
  data: {
    kind: 'records',
    features: 1,
    target: { name: 'y', type: 'class', labels: ['0', '1'] },
  },
  model: { loss: 'sigmoidCrossEntropy', layers: [{ type: 'dense', units: 1 }] },
});
const { layout } = compileModel(federation);
const modelOf = (version: number, weight: number, bias: number): Model =>
  makeModel(version, layout, Float32Array.of(weight, bias));
const right = modelOf(1, 1, 0);
const wrong = modelOf(2, -1, 0);
/** Says 1 to everything above −2.5. */
const shifted = modelOf(3, 1, 2.5);
const RECORDS = [-3, -2, -1, 1, 2, 3].map((x) => ({ features: [x], label: x > 0 ? 1 : 0 }));

let folder: string;
let files: HeldOutFiles;
let board: EngineBoard;
let judges: HeldOutJudge[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'murmuration-'));
  files = heldOutFiles(folder);
  board = createEngineBoard();
  judges = [];
});
afterEach(async () => {
  await Promise.all(judges.map((judge) => judge.close()));
  await rm(folder, { recursive: true });
});

const put = (records: unknown, of = federation) =>
  files.put(of, 'json', new TextEncoder().encode(JSON.stringify(records)));

function open(changes: Partial<JudgeOptions> = {}): HeldOutJudge {
  const judge = createJudge({
    federation,
    findSource: () => files.find(federation),
    slots: createSlots(1, 10),
    board,
    log: silentLog,
    ...changes,
  });
  judges.push(judge);
  return judge;
}

const never = new AbortController().signal;

describe("models are judged on the operator's examples", () => {
  test('counts of one, and what changed between two', async () => {
    expect(await put(RECORDS)).toMatchObject({ examples: 6, classes: { 0: 3, 1: 3 } });
    const judge = open();
    const counts = await judge.evaluate(right, never);
    expect(counts).toMatchObject({ total: 6, correct: 6 });
    // Σ ln(1 + e^−|x|), twice each of 1, 2, 3.
    expect(counts.lossSum).toBeCloseTo(2 * (0.3132617 + 0.126928 + 0.0485874), 5);
    expect(await judge.evaluate(wrong, never)).toMatchObject({ total: 6, correct: 0 });
    const { weights, evaluations, predictions } = await judge.compare(right, shifted, never);
    expect(weights.layers.map(({ l2 }) => l2)).toEqual([0, 2.5]);
    expect(evaluations).toMatchObject({ from: { correct: 6 }, to: { correct: 4 } });
    expect(predictions).toEqual({ total: 6, changed: 2, rightToWrong: 2, wrongToRight: 0, wrongToWrong: 0 });
    expect((await judge.compare(wrong, right, never)).predictions).toEqual({
      total: 6,
      changed: 6,
      rightToWrong: 0,
      wrongToRight: 6,
      wrongToWrong: 0,
    });
    expect(board.reports['evaluation of sign']).toMatchObject({
      name: 'wasm',
      msPerPass: expect.any(Number),
      passedOver: [{ name: 'tfjs-node', reason: expect.any(String) }],
    });
  });

  test('without examples a model cannot be judged, but two can be compared by weights; once there are some, it can', async () => {
    const judge = open();
    await expect(judge.evaluate(right, never)).rejects.toMatchObject({ code: 'data.empty' });
    expect(await judge.compare(right, wrong, never)).toMatchObject({
      weights: { l2: 2, cosine: -1 },
      evaluations: null,
      predictions: null,
    });
    await put(RECORDS);
    judge.reload();
    expect(await judge.evaluate(right, never)).toMatchObject({ total: 6 });
    expect(await files.remove('sign')).toBe(true);
    expect(await files.remove('sign')).toBe(false);
    judge.reload();
    await expect(judge.evaluate(right, never)).rejects.toMatchObject({ code: 'data.empty' });
  });

  test('a file put there by hand that has a bad row is named by the row, every time, until it is mended', async () => {
    await put(RECORDS);
    const later = new Date(Date.now() + 60_000);
    const path = join(folder, 'held-out', 'sign.jsonl');
    await writeFile(path, '{"features": [1], "label": 1}\n{"features": ["x"], "label": 1}\n');
    await utimes(path, later, later);
    const judge = open();
    for (const _ of [1, 2])
      await expect(judge.evaluate(right, never)).rejects.toMatchObject({
        code: 'data.invalid-value',
        facts: { path: 'row 2, column "features[0]"' },
      });
    await rm(path);
    expect(await judge.evaluate(right, never)).toMatchObject({ total: 6 });
  });

  test('a set with a bad row replaces nothing, nor does one of another format', async () => {
    await put(RECORDS);
    await expect(put([...RECORDS, { features: [1], label: 7 }])).rejects.toMatchObject({
      code: 'data.unknown-label',
      facts: { path: 'row 7, column "label"' },
    });
    await expect(files.put(federation, 'csv', new Uint8Array(1))).rejects.toMatchObject({
      code: 'argument.invalid',
    });
    expect(await open().evaluate(right, never)).toMatchObject({ total: 6 });
    const { kind, path } = (await files.find(federation)) as { kind: string; path: string };
    expect([kind, path]).toEqual(['file', join(folder, 'held-out', 'sign.json')]);
    await put(RECORDS.slice(0, 2));
    expect((await open().evaluate(right, never)).total).toBe(2);
  });

  test('the public test digits stand in where the federation is of those', async () => {
    const digits = sampleFederations[0]!;
    expect(await files.find(digits)).toEqual({ kind: 'digits' });
    const compiled = compileModel(digits);
    const judge = open({ federation: digits, findSource: () => files.find(digits) });
    const model = makeModel(0, compiled.layout, compiled.initialWeights());
    const { total, correct } = await judge.evaluate(model, never);
    expect(total).toBe(10_000);
    // An untrained model guesses.
    expect(correct / total).toBeGreaterThan(0.02);
    expect(correct / total).toBeLessThan(0.3);
  });
});

describe('whatever goes wrong ends, and the next model is judged', () => {
  /** A thread that is fit at once and then does this to every job. */
  const scriptThat = (onMessage: string) =>
    new URL(
      `data:text/javascript,${encodeURIComponent(
        `import { parentPort } from 'node:worker_threads';
         parentPort.on('message', (request) => { ${onMessage} });
         parentPort.postMessage({ ready: { examples: 1, classes: undefined, engine: undefined } });`,
      )}`,
    );
  const counted = 'parentPort.postMessage({ id: request.id, result: { total: 1, correct: 1, lossSum: 0 } });';

  test('a model of another layout is refused, one that is not finite too', async () => {
    await put(RECORDS);
    const judge = open();
    const other = compileModel(sampleFederations[0]!);
    const alien = makeModel(1, other.layout, other.initialWeights());
    await expect(judge.evaluate(alien, never)).rejects.toMatchObject({ code: 'model.layout-mismatch' });
    await expect(judge.compare(right, alien, never)).rejects.toMatchObject({ code: 'model.layout-mismatch' });
    const diverged = { ...right, weights: Float32Array.of(Number.NaN, 0) };
    await expect(judge.evaluate(diverged, never)).rejects.toMatchObject({ code: 'training.diverged' });
    expect(await judge.evaluate(right, never)).toMatchObject({ correct: 6 });
  });

  test('a job that does not come to an end is cut', async () => {
    const judge = open({ timeLimitMs: 2_000, script: scriptThat('if (request.job) while (true);') });
    await expect(judge.evaluate(right, never)).rejects.toMatchObject({
      code: 'training.failed',
      facts: { expected: 'at most 2 s' },
    });
  });

  test('a thread that does not start is cut', async () => {
    const judge = open({
      timeLimitMs: 100,
      script: new URL('data:text/javascript,setInterval(() => 0, 1000)'),
    });
    await expect(judge.evaluate(right, never)).rejects.toMatchObject({ code: 'training.failed' });
  });

  test('a thread that dies is started again by the next', async () => {
    const judge = open({
      script: scriptThat(`if (request.job.model.version === 1) process.exit(3); ${counted}`),
    });
    await expect(judge.evaluate(right, never)).rejects.toMatchObject({ code: 'training.failed' });
    expect(await judge.evaluate(wrong, never)).toMatchObject({ total: 1 });
  });

  test('whoever gives up is answered, whether its turn has come or not', async () => {
    const cancelling = `if ('cancel' in request) parentPort.postMessage({ id: request.cancel, error: { code: 'training.cancelled', message: '' } });
      else if (request.job.model.version !== 1) { ${counted} }`;
    const judge = open({ script: scriptThat(cancelling) });
    const [first, second] = [new AbortController(), new AbortController()];
    const running = judge.evaluate(right, first.signal);
    const waiting = judge.evaluate(right, second.signal);
    const last = judge.evaluate(wrong, never);
    second.abort();
    first.abort();
    await expect(running).rejects.toMatchObject({ code: 'training.cancelled' });
    await expect(waiting).rejects.toMatchObject({ code: 'training.cancelled' });
    expect(await last).toMatchObject({ total: 1 });
  });

  test('judges share the machine: no more compute at once than there are slots', async () => {
    const slots = createSlots(1, 10);
    const script = scriptThat(`setTimeout(() => { ${counted} }, 20)`);
    let computing = 0;
    let most = 0;
    const watched: JudgeOptions['slots'] = {
      run: (work, signal) =>
        slots.run(async () => {
          most = Math.max(most, ++computing);
          try {
            return await work();
          } finally {
            computing--;
          }
        }, signal),
    };
    const judges = [open({ slots: watched, script }), open({ slots: watched, script })];
    await Promise.all(
      judges.flatMap((judge) => [judge.evaluate(right, never), judge.evaluate(right, never)]),
    );
    expect(most).toBe(1);
  });

  test('closing ends what is under way', async () => {
    const judge = open({ script: scriptThat('') });
    const running = judge.evaluate(right, never);
    const ended = expect(running).rejects.toMatchObject({ code: expect.stringMatching(/^training\./) });
    await judge.close();
    await ended;
    await expect(judge.evaluate(right, never)).rejects.toMatchObject({ code: 'training.cancelled' });
  });
});

test('rows without targets are predicted, with or without a held-out set; a bad row is named', async () => {
  const judge = open();
  const { outputs, width } = await judge.predict(right, [[-3], [3]], never);
  expect(width).toBe(2);
  // The logistic function of 3 is 0.9526.
  expect(outputs[0]).toBeCloseTo(0.9526, 4);
  expect(outputs[3]).toBeCloseTo(0.9526, 4);
  await expect(judge.predict(right, [[1], ['x']], never)).rejects.toMatchObject({
    code: 'data.invalid-value',
    facts: { path: expect.stringContaining('row 2') },
  });
});
