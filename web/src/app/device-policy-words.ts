import type { PauseReason } from '../session/snapshot.ts';
import type { BatteryRule, DevicePolicy, DeviceState, PolicyDecision, Unknown } from './device-policy.ts';

/** The policy in the words of the page. */
export const PAUSE_WORDS: Readonly<Record<PauseReason, string>> = {
  hidden: 'The page is hidden, and you chose to train only while it is visible.',
  'on-battery': 'The device is not charging, and you chose to train only while it is.',
  'battery-low': 'The battery is below the level you chose.',
  'data-saver': 'The browser is asked to save data, and you chose to pause on metered connections.',
  'mobile-network': 'The device is on a mobile network, and you chose to pause on metered connections.',
};

export const BATTERY_WORDS: Readonly<Record<BatteryRule, string>> = {
  any: 'Train on battery too',
  'above-20': 'On battery, only above 20 %',
  'above-50': 'On battery, only above 50 %',
  charging: 'Only while charging',
};

export const EFFORT_WORDS: Readonly<Record<DevicePolicy['effort'], string>> = {
  gentle: 'A quarter of the time',
  balanced: 'Half of the time',
  full: 'All the time',
};

export const UNKNOWN_WORDS: Readonly<Record<Unknown, string>> = {
  battery: 'This browser does not tell pages about the battery, so that rule cannot hold training back here.',
  network:
    'This browser does not tell pages which network it is on. Only its data saver, where it has one, pauses training.',
  pressure:
    'This browser does not tell pages how hard the processor works. Training still rests more when its steps become slow.',
};

/** What the browser tells of the device, as a sentence; undefined when it tells nothing. */
export function deviceWords({ battery, connection, pressure }: DeviceState): string | undefined {
  const parts = [
    battery === undefined
      ? undefined
      : `battery at ${Math.round(battery.level * 100)} %, ${battery.charging ? 'charging' : 'not charging'}`,
    connection === undefined ? undefined : `network: ${connection}`,
    pressure === undefined ? undefined : `load of the processor: ${pressure}`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : `Now: ${parts.join('; ')}.`;
}

/** What the rules make of it; undefined when they hold nothing back. */
export function decisionWords(decision: PolicyDecision): string | undefined {
  if (!decision.run) return `Training is paused now. ${PAUSE_WORDS[decision.reason]}`;
  return decision.reason === 'hot'
    ? `The processor is under pressure: training takes at most ${Math.round(decision.maxDuty * 100)} % of the time now.`
    : undefined;
}
