export type { Credential } from './credentials.ts';
export { createHub, type HubOptions, type HubServer, type HubServerEvent, type NodeFrame } from './hub.ts';
export { DEFAULT_HUB_LIMITS, type HubLimits } from './limits.ts';
export type { Log } from './log.ts';
export { systemClock } from './system-clock.ts';
