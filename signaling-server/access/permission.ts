/**
 * What somebody may do. Every route, GraphQL field and live subscription names exactly one, or `public`, or `authenticated`
 * (whoever is known, about oneself).
 */
export const SCOPES = [
  'training:participate',
  'training:read',
  'training:write',
  'federation:read',
  'federation:write',
  'model:read',
  'model:write',
  'model:query',
  'participant:read',
  'participant:write',
  'privacy:read',
  'privacy:write',
  'alert:read',
  'alert:write',
  'audit:read',
  'access:read',
  'access:write',
  'rights:write',
  'system:read',
  'system:write',
] as const;
export type Scope = (typeof SCOPES)[number];

export type Permission = Scope | 'public' | 'authenticated';

export const ROLES = ['participant', 'owner', 'operator', 'auditor'] as const;
/** `owner`: of the federations it created, and of those its key is bound to. */
export type Role = (typeof ROLES)[number];

const READING: readonly Scope[] = [
  'training:read',
  'federation:read',
  'model:read',
  'participant:read',
  'privacy:read',
  'alert:read',
];

/** The most that each role may do; a key or token may have less. */
export const SCOPES_OF_ROLE: Readonly<Record<Role, readonly Scope[]>> = {
  participant: ['training:participate', 'training:read', 'federation:read', 'model:read', 'model:query'],
  owner: [
    ...READING,
    'training:participate',
    'training:write',
    'federation:write',
    'model:write',
    'model:query',
    'participant:write',
    'access:read',
    'access:write',
  ],
  operator: SCOPES,
  auditor: [...READING, 'audit:read', 'access:read', 'system:read'],
};
