import { z } from '@hono/zod-openapi';
import { ROLES, SCOPES } from '../../access/permission.ts';
import { atMs, federationId, line, next } from './fields.ts';

const role = z.enum(ROLES);
const scope = z.enum(SCOPES);
const name = line(128);

export const keyOrder = z.strictObject({
  name,
  role,
  scopes: z.array(scope).max(SCOPES.length).optional(),
  federation: federationId.optional(),
  user: name.optional(),
  department: name.optional(),
  expiresAtMs: atMs.optional(),
});
export const certificateOrder = keyOrder.extend({
  fingerprint: z
    .string()
    .max(100)
    .openapi({ description: 'SHA-256 of its DER form, as hexadecimal, with or without colons' }),
});
export const accessKey = z
  .object({
    id: z.string(),
    name: z.string(),
    kind: z.enum(['key', 'certificate']),
    role,
    scopes: z.array(scope),
    federation: z.string().nullable(),
    user: z.string().nullable(),
    department: z.string().nullable(),
    createdBy: z.string(),
    createdAtMs: atMs,
    expiresAtMs: atMs.nullable(),
    revokedAtMs: atMs.nullable(),
    lastUsedAtMs: atMs.nullable(),
  })
  .openapi('AccessKey');
export const newKey = z
  .object({ key: accessKey, secret: z.string().openapi({ description: 'Shown this once' }) })
  .openapi('NewAccessKey');
export const keyPage = z.object({ keys: z.array(accessKey), next }).openapi('AccessKeyPage');

export const invitationOrder = z.strictObject({
  label: name,
  maxUses: z.int().min(1).max(100_000).default(1),
  expiresAtMs: atMs,
  department: name.optional(),
});
export const invitation = z
  .object({
    id: z.string(),
    federation: z.string(),
    label: z.string(),
    department: z.string().nullable(),
    maxUses: z.int(),
    uses: z.int(),
    createdBy: z.string(),
    createdAtMs: atMs,
    expiresAtMs: atMs,
    revokedAtMs: atMs.nullable(),
  })
  .openapi('Invitation');
export const newInvitation = z
  .object({ invitation, token: z.string().openapi({ description: 'For the link; shown this once' }) })
  .openapi('NewInvitation');
export const invitationPage = z.object({ invitations: z.array(invitation), next }).openapi('InvitationPage');

export const member = z
  .object({
    federation: z.string(),
    participant: z.string(),
    via: z.string(),
    user: z.string().nullable(),
    department: z.string().nullable(),
    joinedAtMs: atMs,
    lastSeenAtMs: atMs,
  })
  .openapi('Member');
export const memberPage = z.object({ members: z.array(member), next }).openapi('MemberPage');

export const me = z
  .object({
    kind: z.string(),
    name: z.string(),
    role: role.nullable(),
    scopes: z.array(scope),
    federation: z.string().nullable(),
    participant: z.string().nullable(),
    user: z.string().nullable(),
    department: z.string().nullable(),
    expiresAtMs: atMs.nullable(),
  })
  .openapi('Me');
