import type { PauseReason } from '../session/snapshot.ts';

/**
 * When this device trains, and how hard: the person's rules applied to what the browser tells of the device.
 * Pure; device-policy-watch.ts observes and device-policy-session.ts carries out.
 */
export interface DevicePolicy {
  readonly trainWhen: 'always' | 'visible';
  readonly battery: BatteryRule;
  /** On a connection that the browser calls metered: go on, or pause. */
  readonly metered: 'allow' | 'pause';
  /** Most of the time that training may take, in words of the page; the rest is rest. */
  readonly effort: 'gentle' | 'balanced' | 'full';
  /** Rest more while the device is hot or slow. */
  readonly coolDown: boolean;
}

/** `above-20`: while charging, or with more than a fifth of the battery left. */
export type BatteryRule = 'any' | 'above-20' | 'above-50' | 'charging';

/** What the browser tells; undefined where it does not. */
export interface DeviceState {
  readonly visible: boolean;
  readonly battery:
    | {
        readonly charging: boolean;
        /** 0 to 1. */
        readonly level: number;
      }
    | undefined;
  /** A person asked the browser to save data. */
  readonly saveData: boolean | undefined;
  /** What the browser says it is connected by: `wifi`, `cellular`, `ethernet` … */
  readonly connection: string | undefined;
  /** Of the processor (W3C Compute Pressure). */
  readonly pressure: Pressure | undefined;
}

export type Pressure = 'nominal' | 'fair' | 'serious' | 'critical';

export type PolicyDecision =
  | {
      readonly run: true;
      /** Most of the time that training may take, above 0, at most 1. */
      readonly maxDuty: number;
      /** Why that is less than the effort chosen. */
      readonly reason: 'hot' | undefined;
    }
  | { readonly run: false; readonly reason: PauseReason };

const EFFORT_DUTY = { gentle: 0.25, balanced: 0.5, full: 1 } as const;
const MIN_LEVEL = { 'above-20': 0.2, 'above-50': 0.5 } as const;
const PRESSURE_DUTY = { nominal: 1, fair: 1, serious: 0.5, critical: 0.25 } as const;

/** A rule about something that the browser does not tell holds nothing back: nothing is guessed. */
export function decide(policy: DevicePolicy, device: DeviceState): PolicyDecision {
  const reason = pauseReason(policy, device);
  if (reason !== undefined) return { run: false, reason };
  const relief = policy.coolDown && device.pressure !== undefined ? PRESSURE_DUTY[device.pressure] : 1;
  return {
    run: true,
    maxDuty: EFFORT_DUTY[policy.effort] * relief,
    reason: relief < 1 ? 'hot' : undefined,
  };
}

function pauseReason(policy: DevicePolicy, device: DeviceState): PauseReason | undefined {
  const { battery, saveData, connection } = device;
  if (policy.trainWhen === 'visible' && !device.visible) return 'hidden';
  if (battery !== undefined && !battery.charging && policy.battery !== 'any') {
    if (policy.battery === 'charging') return 'on-battery';
    if (battery.level <= MIN_LEVEL[policy.battery]) return 'battery-low';
  }
  if (policy.metered === 'pause') {
    if (saveData === true) return 'data-saver';
    if (connection === 'cellular') return 'mobile-network';
  }
  return undefined;
}

/** What the browser cannot tell although a rule depends on it. */
export type Unknown = 'battery' | 'network' | 'pressure';

export function unknownsOf(policy: DevicePolicy, device: DeviceState): readonly Unknown[] {
  const unknown: Unknown[] = [];
  if (policy.battery !== 'any' && device.battery === undefined) unknown.push('battery');
  if (policy.metered === 'pause' && device.connection === undefined) unknown.push('network');
  if (policy.coolDown && device.pressure === undefined) unknown.push('pressure');
  return unknown;
}
