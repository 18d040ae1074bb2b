import type { ErrorCode } from '../errors/index.ts';

/** What participants are told while whoever runs the federation has paused it. SPEC J-02. */
export const ON_HOLD: ErrorCode = 'round.on-hold';
