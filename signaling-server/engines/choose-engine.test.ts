import { describe, expect, test } from 'vitest';
import { chooseEngine, type Engine } from './choose-engine.ts';

/** Engines that differ in nothing but the time that a pass takes, on a clock that only passes move. */
function bench(...msPerPass: readonly [string, number][]) {
  let active: string | undefined;
  let nowMs = 0;
  let passes = 0;
  const engines = msPerPass.map(
    ([name]): Engine => ({
      name,
      async activate() {
        active = name;
        return undefined;
      },
    }),
  );
  const times = new Map(msPerPass);
  return {
    engines,
    choice: {
      async pass() {
        nowMs += times.get(active!)!;
        passes++;
      },
      nowMs: () => nowMs,
    },
    active: () => active,
    passes: () => passes,
  };
}

describe('the fastest engine is chosen by measuring, and left active', () => {
  test.each([
    [['one', 10] as const, ['two', 3] as const],
    [['two', 3] as const, ['one', 10] as const],
  ])('%s and %s', async (a, b) => {
    const { engines, choice, active } = bench([...a], [...b]);
    expect(await chooseEngine(engines, choice)).toEqual({
      name: 'two',
      msPerPass: 3,
      passedOver: [{ name: 'one', msPerPass: 10, reason: 'It takes 10 ms a pass, two 3 ms.' }],
    });
    expect(active()).toBe('two');
  });

  test('of two alike the first', async () => {
    const { engines, choice, active } = bench(['one', 5], ['two', 5]);
    expect((await chooseEngine(engines, choice)).name).toBe('one');
    expect(active()).toBe('one');
  });

  test('one that takes minutes is timed once, after warming up', async () => {
    const { engines, choice, passes } = bench(['slow', 60_000]);
    expect((await chooseEngine(engines, choice)).msPerPass).toBe(60_000);
    expect(passes()).toBe(2);
  });
});

describe('what does not work is passed over, with the reason', () => {
  const missing: Engine = { name: 'missing', activate: async () => 'It is not installed.' };
  const broken: Engine = {
    name: 'broken',
    activate: () => Promise.reject(Object.assign(new Error('/secret/path'), { code: 'ERR_DLOPEN_FAILED' })),
  };

  test('missing, or failing to start', async () => {
    const { engines, choice, active } = bench(['works', 1]);
    expect(await chooseEngine([missing, broken, ...engines], choice)).toEqual({
      name: 'works',
      msPerPass: 1,
      passedOver: [
        { name: 'missing', reason: 'It is not installed.' },
        { name: 'broken', reason: 'It failed: ERR_DLOPEN_FAILED.' },
      ],
    });
    expect(active()).toBe('works');
  });

  test('computing wrongly, however fast', async () => {
    const { engines, choice, active } = bench(['wrong', 1], ['right', 9]);
    const fault = async () => (active() === 'wrong' ? 'It computes wrong outputs.' : undefined);
    expect(await chooseEngine(engines, { ...choice, fault })).toEqual({
      name: 'right',
      msPerPass: 9,
      passedOver: [{ name: 'wrong', reason: 'It computes wrong outputs.' }],
    });
  });

  test('failing in the midst of a pass', async () => {
    const { engines, choice, active } = bench(['traps', 1], ['works', 9]);
    const pass = () => (active() === 'traps' ? Promise.reject(new Error('unreachable')) : choice.pass());
    expect(await chooseEngine(engines, { ...choice, pass })).toMatchObject({
      name: 'works',
      passedOver: [{ name: 'traps', reason: 'It failed: internal.' }],
    });
  });

  test('none left: refused with all of the reasons', async () => {
    const { choice } = bench();
    await expect(chooseEngine([missing, broken], choice)).rejects.toMatchObject({
      code: 'training.backend-unavailable',
      facts: { received: 'missing: It is not installed. broken: It failed: ERR_DLOPEN_FAILED.' },
    });
  });
});
