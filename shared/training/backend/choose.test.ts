import { getBackend, getKernel, memory, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { compileModel } from '../model/compile.ts';
import { federationWith, useBackend } from '../testing.ts';
import { type BackendCandidate, chooseBackend } from './choose.ts';

const federation = federationWith([
  { type: 'flatten' },
  { type: 'dense', units: 32, activation: 'tanh' },
  { type: 'dense', units: 10 },
]);
const compiled = compileModel(federation);
const { model } = federation;
const choice = () => ({ compiled, model, batchSize: 32, signal: new AbortController().signal });

const wasm: BackendCandidate = {
  name: 'wasm',
  activate: async () => {
    await useBackend('wasm');
    return { ready: true };
  },
};
const cpu: BackendCandidate = {
  name: 'cpu',
  activate: async () => {
    await useBackend('cpu');
    return { ready: true };
  },
};
const absent: BackendCandidate = {
  name: 'absent',
  activate: async () => ({ ready: false, reason: 'There is no adapter.' }),
};
const broken: BackendCandidate = { name: 'broken', activate: () => Promise.reject(new Error('no device')) };
const hanging: BackendCandidate = { name: 'hanging', activate: () => new Promise(() => undefined) };

describe('chooseBackend', () => {
  it.each([[[cpu, wasm]], [[wasm, cpu]]])(
    'leaves the faster one active, whatever the order',
    async (both) => {
      const report = await chooseBackend(both, choice());
      // Which one that is depends on what else the machine is doing; that the figures bear it out does not.
      const [other] = report.passedOver;
      expect([report.name, other!.name].sort()).toEqual(['cpu', 'wasm']);
      expect(getBackend()).toBe(report.name);
      const figures = /^It takes ([\d.]+) ms a step, (\w+) ([\d.]+) ms\.$/.exec(other!.reason);
      expect(figures?.[2]).toBe(report.name);
      expect(other).toMatchObject({ why: 'slower', msPerStep: expect.closeTo(Number(figures![1]), 0) });
      expect(Number(figures![1])).toBeGreaterThanOrEqual(Number(figures![3]));
      expect(report.msPerStep).toBeGreaterThan(0);
    },
  );

  it('says why others were passed over', async () => {
    const { name, passedOver } = await chooseBackend(
      [absent, wasm, broken, { ...cpu, lastResort: true }],
      choice(),
    );
    expect(name).toBe('wasm');
    expect(passedOver).toEqual([
      { name: 'absent', why: 'absent', reason: 'There is no adapter.' },
      { name: 'broken', why: 'faulty', reason: 'It failed: no device' },
      { name: 'cpu', why: 'untried', reason: 'It is used only when nothing else works.' },
    ]);
  });

  it('refuses one that computes wrongly, in words', async () => {
    const right = getKernel('Tanh', 'cpu')!;
    unregisterKernel('Tanh', 'cpu');
    registerKernel({ ...right, kernelFunc: getKernel('Sigmoid', 'cpu')!.kernelFunc });
    try {
      const { name, passedOver } = await chooseBackend([cpu, wasm], choice());
      expect(name).toBe('wasm');
      expect(passedOver).toEqual([
        { name: 'cpu', why: 'faulty', reason: expect.stringMatching(/^It computes wrong outputs for tanh/) },
      ]);
    } finally {
      unregisterKernel('Tanh', 'cpu');
      registerKernel(right);
    }
  });

  it('does not try what failed before', async () => {
    const excluded = [{ name: 'wasm', reason: 'It trapped.' }];
    const { name, passedOver } = await chooseBackend([wasm, cpu], { ...choice(), excluded });
    expect(name).toBe('cpu');
    expect(passedOver).toEqual([{ name: 'wasm', why: 'faulty', reason: 'It trapped.' }]);
  });

  describe('with a report of before', () => {
    const remembered = { name: 'cpu', msPerStep: 7, batchSize: 32, passedOver: [] };
    const untouched: BackendCandidate = {
      name: 'wasm',
      activate: () => Promise.reject(new Error('not to be tried')),
    };

    it('takes its backend without measuring again', async () => {
      expect(await chooseBackend([untouched, cpu], { ...choice(), remembered })).toBe(remembered);
      expect(getBackend()).toBe('cpu');
    });

    it.each<[string, BackendCandidate]>([
      ['does not start', { ...cpu, activate: async () => ({ ready: false, reason: 'Gone.' }) }],
      ['throws', { ...cpu, activate: () => Promise.reject(new Error('Gone.')) }],
    ])('chooses anew when its backend %s', async (_, gone) => {
      expect(await chooseBackend([wasm, gone], { ...choice(), remembered })).toMatchObject({ name: 'wasm' });
    });

    it('chooses anew when its backend failed since, or is not a candidate', async () => {
      const excluded = [{ name: 'cpu', reason: 'It failed.' }];
      const again = { ...choice(), remembered };
      expect(await chooseBackend([wasm, cpu], { ...again, excluded })).toMatchObject({ name: 'wasm' });
      expect(await chooseBackend([wasm], again)).toMatchObject({ name: 'wasm' });
    });
  });

  it('takes the last resort when nothing else works', async () => {
    const report = await chooseBackend([broken, { ...cpu, lastResort: true }], choice());
    expect(report.name).toBe('cpu');
    expect(getBackend()).toBe('cpu');
  });

  it('does not wait for one that hangs', async () => {
    const { name, passedOver } = await chooseBackend([wasm, hanging, cpu], { ...choice(), budgetMs: 200 });
    expect(name).toBe('wasm');
    expect(passedOver).toEqual([
      { name: 'hanging', why: 'faulty', reason: 'It took too long to start.' },
      { name: 'cpu', why: 'untried', reason: 'There was no time left to try it.' },
    ]);
  });

  it('keeps the winner current when a late one starts after all', async () => {
    let start: () => void = () => undefined;
    const starting = new Promise<void>((resolve) => {
      start = resolve;
    });
    const late: BackendCandidate = {
      name: 'late',
      activate: async () => {
        await starting;
        await useBackend('cpu');
        return { ready: false, reason: 'Too late.' };
      },
    };
    let restored: () => void = () => undefined;
    const restoring = new Promise<void>((resolve) => {
      restored = resolve;
    });
    let chosen = false;
    const winner: BackendCandidate = {
      name: 'wasm',
      activate: async (signal) => {
        const activation = await wasm.activate(signal);
        if (chosen) restored();
        return activation;
      },
    };
    await chooseBackend([winner, late], { ...choice(), budgetMs: 200 });
    chosen = true;
    start();
    await restoring;
    expect(getBackend()).toBe('wasm');
  });

  it('names the reasons when nothing works', async () => {
    await expect(chooseBackend([absent, broken], choice())).rejects.toMatchObject({
      code: 'training.backend-unavailable',
      facts: { received: 'absent: There is no adapter. broken: It failed: no device' },
    });
  });

  it('ends when it is cancelled, even while a backend hangs', async () => {
    const controller = new AbortController();
    const chosen = chooseBackend([hanging, wasm], { ...choice(), signal: controller.signal });
    controller.abort();
    await expect(chosen).rejects.toMatchObject({ code: 'training.cancelled' });
  });

  it('leaves no tensor behind', async () => {
    await useBackend('wasm');
    const before = memory().numTensors;
    await chooseBackend([cpu, wasm], choice());
    expect(memory().numTensors).toBe(before);
  });
});
