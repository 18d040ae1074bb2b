import { SCOPES } from '../access/permission.ts';
import type { Caller } from '../access/principal.ts';

/** Whoever may run commands on the data itself: the audit names it by this. */
export const LOCAL_OPERATOR: Caller = {
  principal: {
    kind: 'operator-key',
    name: 'operator:command-line',
    role: 'operator',
    scopes: new Set(SCOPES),
    federation: undefined,
    participant: undefined,
    user: undefined,
    department: undefined,
    expiresAtMs: undefined,
  },
  origin: { address: 'local', requestId: 'command-line' },
};
