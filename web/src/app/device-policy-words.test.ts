import { expect, it } from 'vitest';
import { decisionWords, deviceWords } from './device-policy-words.ts';

const silent = {
  visible: true,
  battery: undefined,
  saveData: undefined,
  connection: undefined,
  pressure: undefined,
};

it('says what the browser tells of the device, and nothing that it does not', () => {
  expect(deviceWords(silent)).toBeUndefined();
  expect(
    deviceWords({
      ...silent,
      battery: { charging: false, level: 0.416 },
      connection: 'wifi',
      pressure: 'fair',
    }),
  ).toBe('Now: battery at 42 %, not charging; network: wifi; load of the processor: fair.');
});

it('says why training is paused or slower, and nothing when it is neither', () => {
  expect(decisionWords({ run: false, reason: 'battery-low' })).toBe(
    'Training is paused now. The battery is below the level you chose.',
  );
  expect(decisionWords({ run: true, maxDuty: 0.125, reason: 'hot' })).toContain('at most 13 % of the time');
  expect(decisionWords({ run: true, maxDuty: 1, reason: undefined })).toBeUndefined();
});
