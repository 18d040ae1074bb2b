import { z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import type { AccessService } from '../access/access-service.ts';
import type { AddEndpoint } from './endpoint.ts';
import {
  accessKey,
  certificateOrder,
  invitation,
  invitationOrder,
  invitationPage,
  keyOrder,
  keyPage,
  me,
  memberPage,
  newInvitation,
  newKey,
} from './schemas/access.ts';
import { federationId, opaqueId, page, participantId } from './schemas/fields.ts';

export interface AccessRoutesContext {
  readonly access: AccessService;
  readonly limitWrites: MiddlewareHandler;
}

const TAG = 'Accounts';
const byId = z.strictObject({ id: opaqueId });
const byFederation = z.strictObject({ id: federationId });
const paged = z.strictObject(page());
const ofFederation = (c: Context) => c.req.param('id');
/** The service answers for what the caller reaches. */
const within = () => undefined;

/** Who may do what: keys, certificates, invitations, members. */
export function accessRoutes(add: AddEndpoint, { access, limitWrites }: AccessRoutesContext): void {
  const use = [limitWrites];

  add({
    method: 'get',
    path: '/api/me',
    permission: 'authenticated',
    tag: TAG,
    summary: 'Who asks, as this server knows it',
    answers: { 200: { description: 'About the credential that was shown', schema: me } },
    handle(c, { caller: { principal } }) {
      const { kind, name, role, scopes, federation, participant, user, department, expiresAtMs } = principal;
      return c.json({
        kind,
        name,
        role: role ?? null,
        scopes: [...scopes].sort(),
        federation: federation ?? null,
        participant: participant ?? null,
        user: user ?? null,
        department: department ?? null,
        expiresAtMs: expiresAtMs ?? null,
      });
    },
  });

  add({
    method: 'get',
    path: '/api/keys',
    permission: 'access:read',
    federation: within,
    tag: TAG,
    summary: 'Keys and certificates, without what proves them',
    query: paged,
    answers: { 200: { description: 'A page of them', schema: keyPage } },
    async handle(c, { query, caller }) {
      const { items, next } = await access.listKeys(caller, query);
      return c.json({ keys: items, next });
    },
  });

  add({
    method: 'post',
    path: '/api/keys',
    permission: 'access:write',
    federation: within,
    tag: TAG,
    summary: 'Makes a key',
    description: 'The secret is in this answer only. Nobody gives more than it has.',
    use,
    body: keyOrder,
    answers: { 201: { description: 'The key, and its secret', schema: newKey } },
    handle: async (c, { body, caller }) => c.json(await access.createKey(caller, body), 201),
  });

  add({
    method: 'delete',
    path: '/api/keys/{id}',
    permission: 'access:write',
    federation: within,
    tag: TAG,
    summary: 'Revokes a key or a certificate',
    use,
    params: byId,
    answers: { 200: { description: 'What was revoked', schema: accessKey } },
    handle: async (c, { params, caller }) => c.json(await access.revokeKey(caller, params.id)),
  });

  add({
    method: 'post',
    path: '/api/certificates',
    permission: 'access:write',
    federation: within,
    tag: TAG,
    summary: 'Registers the client certificate of a machine',
    use,
    body: certificateOrder,
    answers: { 201: { description: 'Its registration', schema: accessKey } },
    handle: async (c, { body, caller }) => c.json(await access.registerCertificate(caller, body), 201),
  });

  add({
    method: 'get',
    path: '/api/federations/{id}/invitations',
    permission: 'access:read',
    federation: ofFederation,
    tag: TAG,
    summary: 'Invitations to a federation',
    params: byFederation,
    query: paged,
    answers: { 200: { description: 'A page of them', schema: invitationPage } },
    async handle(c, { params, query, caller }) {
      const { items, next } = await access.listInvitations(caller, params.id, query);
      return c.json({ invitations: items, next });
    },
  });

  add({
    method: 'post',
    path: '/api/federations/{id}/invitations',
    permission: 'access:write',
    federation: ofFederation,
    tag: TAG,
    summary: 'Invites people that have no account',
    use,
    params: byFederation,
    body: invitationOrder,
    answers: { 201: { description: 'The invitation, and the token for its link', schema: newInvitation } },
    handle: async (c, { params, body, caller }) =>
      c.json(await access.createInvitation(caller, params.id, body), 201),
  });

  add({
    method: 'delete',
    path: '/api/federations/{id}/invitations/{invitation}',
    permission: 'access:write',
    federation: ofFederation,
    tag: TAG,
    summary: 'Lets nobody in by an invitation from now on',
    use,
    params: byFederation.extend({ invitation: opaqueId }),
    answers: { 200: { description: 'What was revoked', schema: invitation } },
    handle: async (c, { params, caller }) =>
      c.json(await access.revokeInvitation(caller, params.id, params.invitation)),
  });

  add({
    method: 'get',
    path: '/api/federations/{id}/members',
    permission: 'participant:read',
    federation: ofFederation,
    tag: TAG,
    summary: 'Who was admitted to a federation, and by what',
    params: byFederation,
    query: paged,
    answers: { 200: { description: 'A page of them', schema: memberPage } },
    async handle(c, { params, query, caller }) {
      const { items, next } = await access.listMembers(caller, params.id, query);
      return c.json({ members: items, next });
    },
  });

  add({
    method: 'delete',
    path: '/api/federations/{id}/members/{participant}',
    permission: 'participant:write',
    federation: ofFederation,
    tag: TAG,
    summary: 'Takes a member out of a federation',
    use,
    params: byFederation.extend({ participant: participantId }),
    answers: { 204: { description: 'It is no member any more' } },
    async handle(c, { params, caller }) {
      await access.removeMember(caller, params.id, params.participant);
      return c.body(null, 204);
    },
  });
}
