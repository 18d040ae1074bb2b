import { describe, expect, it } from 'vitest';
import { makeModel } from '../update/index.ts';
import { compileModel } from './model/compile.ts';
import { createPacer, INITIAL_PACE, type PaceState, pace } from './pace.ts';
import { federationWith, useBackend } from './testing.ts';
import { trainLocally } from './train.ts';

const limits = { maxDuty: 1, coolDown: true };
const { signal } = new AbortController();

function after(state: PaceState, steps: number, stepMs: number): PaceState {
  let next = state;
  for (let i = 0; i < steps; i++) next = pace(next, limits, stepMs).state;
  return next;
}

describe('pace', () => {
  it.each([
    [1, 0],
    [0.5, 100],
    [0.25, 300],
  ])('with at most %d of the time, rests %d ms after a step of 100 ms', (maxDuty, restMs) => {
    expect(pace(INITIAL_PACE, { maxDuty, coolDown: false }, 100).restMs).toBe(restMs);
  });

  it('rests as long as it trains once steps have been slow for ten seconds', () => {
    const warm = after(INITIAL_PACE, 15, 100);
    // Eight slow steps of 15 move the median; it has then been slow for one step of 160 ms, and 63 make 10 s.
    const almost = after(warm, 7 + 62, 160);
    expect(almost.slowed).toBe(false);
    const slowed = pace(almost, limits, 160);
    expect(slowed).toMatchObject({ restMs: 160, state: { slowed: true, floorMs: 100 } });
    expect(pace(almost, { ...limits, coolDown: false }, 160).restMs).toBe(0);
  });

  it('does not mind slow moments, nor steps half as long again', () => {
    let state = after(INITIAL_PACE, 15, 100);
    for (let i = 0; i < 10; i++) state = after(after(state, 30, 200), 8, 100);
    expect(state.slowed).toBe(false);
    expect(after(state, 1000, 150).slowed).toBe(false);
  });

  it('goes on at full pace when steps are fast again, not before', () => {
    const slowed = after(after(INITIAL_PACE, 15, 100), 100, 200);
    expect(slowed.slowed).toBe(true);
    expect(after(slowed, 15, 140).slowed).toBe(true);
    expect(after(slowed, 15, 120).slowed).toBe(false);
  });

  it('takes five slow minutes for how the device now is', () => {
    const slowed = after(after(INITIAL_PACE, 15, 100), 100, 200);
    const resigned = after(slowed, 1500, 200);
    expect(resigned).toMatchObject({ slowed: false, floorMs: 200 });
    expect(after(resigned, 1000, 200).slowed).toBe(false);
  });
});

describe('createPacer', () => {
  it('saves rests up until a timer is worth setting', async () => {
    const rests: number[] = [];
    const pacer = createPacer(
      () => ({ maxDuty: 0.5, coolDown: false }),
      () => undefined,
      async (restMs) => void rests.push(restMs),
    );
    for (let i = 0; i < 5; i++) await pacer.afterStep(8, signal);
    expect(rests).toEqual([24]);
  });

  it('takes a change of the limits from the next step on', async () => {
    const rests: number[] = [];
    let maxDuty = 0.25;
    const pacer = createPacer(
      () => ({ maxDuty, coolDown: false }),
      () => undefined,
      async (restMs) => void rests.push(restMs),
    );
    await pacer.afterStep(100, signal);
    maxDuty = 0.5;
    await pacer.afterStep(100, signal);
    maxDuty = 1;
    await pacer.afterStep(100, signal);
    expect(rests).toEqual([300, 100]);
  });

  it('says when it slows down, and when it stops doing so', async () => {
    const said: boolean[] = [];
    const pacer = createPacer(
      () => limits,
      (slowed) => said.push(slowed),
      async () => undefined,
    );
    for (const [steps, stepMs] of [
      [15, 100],
      [100, 200],
      [15, 100],
    ] as const)
      for (let i = 0; i < steps; i++) await pacer.afterStep(stepMs, signal);
    expect(said).toEqual([true, false]);
  });

  it('ends a rest at once when it is cancelled', async () => {
    const controller = new AbortController();
    const pacer = createPacer(
      () => ({ maxDuty: 0.001, coolDown: false }),
      () => undefined,
    );
    const resting = pacer.afterStep(100_000, controller.signal);
    controller.abort();
    await resting;
    await pacer.afterStep(100_000, controller.signal);
  });
});

describe('trainLocally with a pacer', () => {
  const federation = federationWith([{ type: 'dense', units: 1 }], { kind: 'records', features: 1 });
  const compiled = compileModel(federation);
  const train = (signal: AbortSignal, afterStep: (stepMs: number) => Promise<void>) =>
    trainLocally({
      compiled,
      examples: { count: 5, inputs: new Float32Array(5), targets: new Float32Array(5) },
      base: makeModel(0, compiled.layout, compiled.initialWeights()),
      training: { ...federation.training, batchSize: 2 },
      seed: 'pace',
      signal,
      pacer: { afterStep },
    });

  it('rests after every step', async () => {
    await useBackend('cpu');
    const steps: number[] = [];
    await train(signal, async (stepMs) => void steps.push(stepMs));
    expect(steps).toHaveLength(3);
    expect(steps.every((stepMs) => stepMs > 0)).toBe(true);
  });

  it('ends within the rest in which it is cancelled', async () => {
    await useBackend('cpu');
    const controller = new AbortController();
    let rests = 0;
    const training = train(controller.signal, async () => {
      rests++;
      controller.abort();
    });
    await expect(training).rejects.toMatchObject({ code: 'training.cancelled' });
    expect(rests).toBe(1);
  });
});
