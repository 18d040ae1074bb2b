import { describe, expect, it } from 'vitest';
import { type DevicePolicy, type DeviceState, decide, unknownsOf } from './device-policy.ts';

const lax: DevicePolicy = {
  trainWhen: 'always',
  battery: 'any',
  metered: 'allow',
  effort: 'full',
  coolDown: false,
};
const strict: DevicePolicy = {
  trainWhen: 'visible',
  battery: 'charging',
  metered: 'pause',
  effort: 'full',
  coolDown: true,
};
const silent: DeviceState = {
  visible: true,
  battery: undefined,
  saveData: undefined,
  connection: undefined,
  pressure: undefined,
};
const onBattery = (level: number): Partial<DeviceState> => ({ battery: { charging: false, level } });
const worst: DeviceState = {
  visible: false,
  battery: { charging: false, level: 0 },
  saveData: true,
  connection: 'cellular',
  pressure: 'critical',
};

describe('decide', () => {
  it.each<[string, Partial<DevicePolicy>, Partial<DeviceState>, string]>([
    ['hidden', { trainWhen: 'visible' }, { visible: false }, 'hidden'],
    ['unplugged', { battery: 'charging' }, onBattery(1), 'on-battery'],
    ['at the limit', { battery: 'above-20' }, onBattery(0.2), 'battery-low'],
    ['half full', { battery: 'above-50' }, onBattery(0.5), 'battery-low'],
    ['data saver', { metered: 'pause' }, { saveData: true }, 'data-saver'],
    ['mobile network', { metered: 'pause' }, { connection: 'cellular' }, 'mobile-network'],
    ['several at once: the first rule', strict, worst, 'hidden'],
  ])('pauses: %s', (_, policy, device, reason) => {
    expect(decide({ ...lax, ...policy }, { ...silent, ...device })).toEqual({ run: false, reason });
  });

  it.each<[string, Partial<DevicePolicy>, Partial<DeviceState>]>([
    ['rules off, whatever the device', lax, { ...worst, pressure: 'critical' }],
    ['all rules, a browser that tells nothing', strict, silent],
    ['visible', { trainWhen: 'visible' }, { visible: true }],
    ['charging and empty', { battery: 'charging' }, { battery: { charging: true, level: 0 } }],
    ['charging below the limit', { battery: 'above-50' }, { battery: { charging: true, level: 0.1 } }],
    ['just above the limit', { battery: 'above-20' }, onBattery(0.21)],
    ['an empty battery that may be used up', { battery: 'any' }, onBattery(0)],
    ['wifi', { metered: 'pause' }, { saveData: false, connection: 'wifi' }],
    ['a little warm', { coolDown: true }, { pressure: 'fair' }],
  ])('trains at full effort: %s', (_, policy, device) => {
    expect(decide({ ...lax, ...policy }, { ...silent, ...device })).toEqual({
      run: true,
      maxDuty: 1,
      reason: undefined,
    });
  });

  it.each<[DevicePolicy['effort'], DeviceState['pressure'], number, 'hot' | undefined]>([
    ['gentle', undefined, 0.25, undefined],
    ['balanced', 'nominal', 0.5, undefined],
    ['full', 'serious', 0.5, 'hot'],
    ['full', 'critical', 0.25, 'hot'],
    ['balanced', 'critical', 0.125, 'hot'],
  ])('effort %s under pressure %s: at most %d of the time', (effort, pressure, maxDuty, reason) => {
    expect(decide({ ...lax, effort, coolDown: true }, { ...silent, pressure })).toEqual({
      run: true,
      maxDuty,
      reason,
    });
  });
});

describe('unknownsOf', () => {
  it('names what rules need and the browser does not tell', () => {
    expect(unknownsOf(strict, silent)).toEqual(['battery', 'network', 'pressure']);
    expect(unknownsOf(strict, worst)).toEqual([]);
    expect(unknownsOf(lax, silent)).toEqual([]);
  });
});
