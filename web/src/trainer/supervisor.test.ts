import { describe, expect, it } from 'vitest';
import { MurmurationError } from '../../../shared/errors/index.ts';
import type { BackendReport, PaceLimits } from '../../../shared/training/index.ts';
import type { ExcludedBackend, TrainerNotice } from './api.ts';
import { Supervisor, type TrainerHandle } from './supervisor.ts';

const ORDER = ['webgpu', 'webgl', 'wasm', 'cpu'];
const FULL: PaceLimits = { maxDuty: 1, coolDown: false };

const trapped = () =>
  new MurmurationError('training.backend-failed', 'It failed.', { received: 'memory access out of bounds' });
const lost = () =>
  new MurmurationError('training.backend-lost', 'It was lost.', { received: 'The context went.' });
const diverged = () => new MurmurationError('training.diverged', 'The loss is not finite.');

class FakeHandle {
  dead = false;
  pace: PaceLimits | undefined;
  readonly ready: TrainerHandle['ready'];
  constructor(name: string) {
    const backend: BackendReport = { name, msPerStep: 1, batchSize: 32, passedOver: [] };
    this.ready = { backend, layout: { hash: '' } as never, examples: 10, verdict: undefined };
  }
  setPace(pace: PaceLimits): void {
    this.pace = pace;
  }
  end(): void {
    this.dead = true;
  }
}

/** Starts workers on the first backend that is not excluded. */
function setUp() {
  const started: FakeHandle[] = [];
  const exclusions: (readonly ExcludedBackend[])[] = [];
  const notices: TrainerNotice[] = [];
  const supervisor = new Supervisor(
    async (excluded) => {
      exclusions.push(excluded);
      const name = ORDER.find((name) => !excluded.some((other) => other.name === name));
      if (name === undefined) throw new MurmurationError('training.backend-unavailable', 'Nothing is left.');
      const handle = new FakeHandle(name);
      started.push(handle);
      return handle as unknown as TrainerHandle;
    },
    FULL,
    (notice) => notices.push(notice),
  );
  /** Does what the table says for the backend it finds itself on, and returns that backend's name. */
  const work = (outcomes: Record<string, () => Error>) => async (handle: TrainerHandle) => {
    const { name } = handle.ready.backend;
    const outcome = outcomes[name];
    if (outcome !== undefined) throw outcome();
    return name;
  };
  const texts = () => notices.map(({ text }) => text);
  return { supervisor, started, exclusions, notices, texts, work };
}

describe('Supervisor', () => {
  it('starts one worker, however many calls there are', async () => {
    const { supervisor, started, work } = setUp();
    await Promise.all([supervisor.call(undefined, work({})), supervisor.call(undefined, work({}))]);
    expect(started).toHaveLength(1);
    expect(supervisor.ready?.backend.name).toBe('webgpu');
  });

  it.each<[string, () => Error, string, boolean]>([
    ['a trap or too little memory', trapped, 'memory access out of bounds', false],
    ['a lost context', lost, 'The context went.', true],
    ['NaN on a GPU', diverged, 'It computed numbers that are not finite.', true],
  ])('makes a call again on the next backend after %s, and tells', async (_, error, reason, transient) => {
    const { supervisor, started, exclusions, texts, work } = setUp();
    expect(await supervisor.call(undefined, work({ webgpu: error }))).toBe('webgl');
    expect(started.map(({ dead }) => dead)).toEqual([true, false]);
    expect(exclusions).toEqual([[], [{ name: 'webgpu', reason, transient }]]);
    expect(texts()).toEqual([expect.stringContaining(`Training on GPU (WebGPU) failed: ${reason}`)]);
    // The next round does not try it again.
    expect(await supervisor.call(undefined, work({ webgpu: error }))).toBe('webgl');
  });

  it('tries each backend once, and then says that none is left', async () => {
    const { supervisor, started, work } = setUp();
    const all = Object.fromEntries(ORDER.map((name) => [name, trapped]));
    await expect(supervisor.call(undefined, work(all))).rejects.toMatchObject({
      code: 'training.backend-unavailable',
    });
    expect(started.map(({ ready }) => ready.backend.name)).toEqual(ORDER);
    expect(started.every(({ dead }) => dead)).toBe(true);
  });

  it('does not blame a GPU for what diverges on the processor too', async () => {
    const { supervisor, exclusions, work } = setUp();
    const everywhere = { webgpu: diverged, webgl: diverged, wasm: diverged };
    await expect(supervisor.call(undefined, work(everywhere))).rejects.toMatchObject({
      code: 'training.diverged',
    });
    expect(await supervisor.call(undefined, work({ wasm: trapped }))).toBe('webgpu');
    expect(exclusions.at(-1)?.map(({ name }) => name)).toEqual(['wasm']);
  });

  it('leaves errors of the data, the model and the caller alone', async () => {
    const { supervisor, started, work } = setUp();
    for (const code of ['data.empty', 'model.invalid', 'training.cancelled'] as const)
      await expect(
        supervisor.call(undefined, work({ webgpu: () => new MurmurationError(code, 'No.') })),
      ).rejects.toMatchObject({ code });
    expect(started).toHaveLength(1);
  });

  it('starts a new worker after a crash: the same backend once, then the next', async () => {
    const { supervisor, started, notices, work } = setUp();
    const crash = async (handle: TrainerHandle) => {
      if (handle.ready.backend.name !== 'webgpu') return handle.ready.backend.name;
      handle.end('crashed');
      throw new MurmurationError('training.failed', 'The trainer crashed.');
    };
    expect(await supervisor.call(undefined, crash)).toBe('webgl');
    expect(started.map(({ ready }) => ready.backend.name)).toEqual(['webgpu', 'webgpu', 'webgl']);
    expect(notices.map(({ level }) => level)).toEqual(['warning', 'warning']);
    expect(await supervisor.call(undefined, work({}))).toBe('webgl');
  });

  it('replaces a worker once when several calls meet the same failure', async () => {
    const { supervisor, started, notices, work } = setUp();
    const both = [0, 1].map(() => supervisor.call(undefined, work({ webgpu: lost })));
    expect(await Promise.all(both)).toEqual(['webgl', 'webgl']);
    expect(started).toHaveLength(2);
    expect(notices).toHaveLength(1);
  });

  it('gives a new worker the pace that holds now', async () => {
    const { supervisor, started, work } = setUp();
    await supervisor.call(undefined, work({}));
    supervisor.setPace({ maxDuty: 0.5, coolDown: true });
    await supervisor.call(undefined, work({ webgpu: trapped }));
    expect(started.map(({ pace }) => pace)).toEqual([
      { maxDuty: 0.5, coolDown: true },
      { maxDuty: 0.5, coolDown: true },
    ]);
  });

  it('tries to start again at the next call after a start that failed', async () => {
    let attempts = 0;
    const supervisor = new Supervisor(
      async () => {
        if (++attempts === 1) throw new MurmurationError('storage.unavailable', 'No.');
        return new FakeHandle('wasm') as unknown as TrainerHandle;
      },
      FULL,
      () => undefined,
    );
    const name = () => supervisor.call(undefined, async ({ ready }) => ready.backend.name);
    await expect(name()).rejects.toMatchObject({ code: 'storage.unavailable' });
    expect(await name()).toBe('wasm');
  });

  it('ends a call at once when it is cancelled, even while a worker starts', async () => {
    const supervisor = new Supervisor(
      () => new Promise(() => undefined),
      FULL,
      () => undefined,
    );
    const controller = new AbortController();
    const call = supervisor.call(controller.signal, async () => 1);
    controller.abort('enough');
    await expect(call).rejects.toMatchObject({ code: 'training.cancelled', cause: 'enough' });
  });

  it('starts nothing after it was disposed of, and ends a worker that comes late', async () => {
    let start: (handle: TrainerHandle) => void = () => undefined;
    const supervisor = new Supervisor(
      () =>
        new Promise((resolve) => {
          start = resolve;
        }),
      FULL,
      () => undefined,
    );
    const call = supervisor.call(undefined, async () => 1);
    supervisor.dispose();
    const late = new FakeHandle('wasm');
    start(late as unknown as TrainerHandle);
    await call;
    expect(late.dead).toBe(true);
    await expect(supervisor.call(undefined, async () => 1)).rejects.toMatchObject({
      code: 'training.failed',
    });
  });
});
