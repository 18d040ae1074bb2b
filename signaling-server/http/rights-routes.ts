import type { HttpBindings } from '@hono/node-server';
import { z } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import type { Caller } from '../access/principal.ts';
import { processingMarkdown } from '../rights/processing-record.ts';
import type { SignedReceipt } from '../rights/receipt.ts';
import type { RightsService } from '../rights/rights-service.ts';
import type { AddEndpoint } from './endpoint.ts';
import { federationId, integer, participantId } from './schemas/fields.ts';
import {
  consents,
  deleted,
  erasures,
  exported,
  policy,
  processingRecord,
  signedRequest,
} from './schemas/rights.ts';

export interface RightsRoutesContext {
  readonly rights: RightsService;
  readonly limitWrites: MiddlewareHandler;
}

const TAG = 'Rights';
const byId = z.strictObject({ id: participantId });
const byAccount = z.strictObject({
  account: z
    .string()
    .min(1)
    .max(512)
    .openapi({ description: 'Percent-encoded, such as `https%3A%2F%2Fid.example%23ann`' }),
});
const byConsent = byId.extend({ federation: federationId });
const rollBackOrder = z.strictObject({
  rollBack: z.boolean().default(false).openapi({
    description: 'Take models back to the last version that the participant had no part in',
  }),
});

/** What people may ask of their data (GDPR, Articles 7, 17, 20 and 30). Participants ask for themselves, operators for others. */
export function rightsRoutes(add: AddEndpoint, { rights, limitWrites }: RightsRoutesContext): void {
  const use = [limitWrites];

  add({
    method: 'get',
    path: '/api/participants/{id}/export',
    permission: 'authenticated',
    tag: TAG,
    summary: 'Everything about a participant (Article 20)',
    use,
    params: byId,
    answers: { 200: { description: 'The document, as it is read', schema: exported } },
    handle: (c, { params, caller }) => exportOf(c, caller, params.id),
  });

  add({
    method: 'delete',
    path: '/api/participants/{id}',
    permission: 'authenticated',
    tag: TAG,
    summary: 'Deletes a participant (Article 17)',
    description:
      'The receipt says what was deleted, what a pseudonym took the place of, and which models it had a part in.',
    use,
    params: byId,
    body: rollBackOrder,
    isBodyOptional: true,
    answers: { 200: { description: 'A signed receipt', schema: deleted } },
    handle: (c, { params, body, caller }) => erase(c, caller, params.id, body.rollBack),
  });

  add({
    method: 'get',
    path: '/api/accounts/{account}/export',
    permission: 'authenticated',
    tag: TAG,
    summary: 'Everything about an account (Article 20)',
    description: 'Of whoever comes by a token of an issuer (`iss#sub`), or of the user of a key.',
    use,
    params: byAccount,
    answers: { 200: { description: 'The document, as it is read', schema: exported } },
    handle: async (c, { params, caller }) =>
      documentOf(c, await rights.exportAccount(caller, params.account), 'account.json'),
  });

  add({
    method: 'delete',
    path: '/api/accounts/{account}',
    permission: 'authenticated',
    tag: TAG,
    summary: 'Deletes an account (Article 17)',
    description:
      'Its keys are revoked, its budgets deleted, and its name replaced. Devices that took part for it are deleted by themselves.',
    use,
    params: byAccount,
    answers: { 200: { description: 'A signed receipt', schema: deleted } },
    handle: async (c, { params, caller }) => receiptOf(c, await rights.eraseAccount(caller, params.account)),
  });

  add({
    method: 'get',
    path: '/api/participants/{id}/consents',
    permission: 'authenticated',
    tag: TAG,
    summary: 'What a participant agreed to, and when',
    params: byId,
    answers: { 200: { description: 'All of it', schema: consents } },
    handle: async (c, { params, caller }) => c.json({ consents: await rights.consents(caller, params.id) }),
  });

  add({
    method: 'put',
    path: '/api/participants/{id}/consents/{federation}',
    permission: 'authenticated',
    tag: TAG,
    summary: 'Agrees to the terms of a federation: by the participant alone',
    use,
    params: byConsent,
    body: z.strictObject({ policy }),
    answers: { 204: { description: 'It is written down' } },
    async handle(c, { params, body, caller }) {
      await rights.giveConsent(caller, params.federation, params.id, body.policy);
      return c.body(null, 204);
    },
  });

  add({
    method: 'delete',
    path: '/api/participants/{id}/consents/{federation}',
    permission: 'authenticated',
    tag: TAG,
    summary: 'Withdraws a consent (Article 7)',
    use,
    params: byConsent,
    answers: { 204: { description: 'It is withdrawn' } },
    async handle(c, { params, caller }) {
      await rights.withdrawConsent(caller, params.federation, params.id);
      return c.body(null, 204);
    },
  });

  add({
    method: 'post',
    path: '/api/rights/requests',
    permission: 'public',
    tag: TAG,
    summary: 'A request that proves itself by the key of the device',
    description: 'For whoever is kept out, or has no connection to the hub.',
    use,
    body: signedRequest,
    answers: {
      200: { description: 'The export, or the receipt', schema: z.looseObject({}) },
      204: { description: 'The consent is given, or withdrawn' },
    },
    async handle(c, { body: { rollBack, ...request }, caller }) {
      const signed = { ...request, participant: request.participant as never };
      const own = rights.callerOf(signed, caller.origin);
      const { action, participant, federation, policy } = signed;
      if (action === 'export') return exportOf(c, own, participant);
      if (action === 'delete') return erase(c, own, participant, rollBack);
      if (action === 'consent') await rights.giveConsent(own, federation, participant, policy);
      else await rights.withdrawConsent(own, federation, participant);
      return c.body(null, 204);
    },
  });

  add({
    method: 'get',
    path: '/api/erasures',
    permission: 'rights:write',
    tag: TAG,
    summary: 'Deletions that were asked for, newest first',
    query: z.strictObject({ limit: integer({ min: 1, max: 1_000, fallback: 100 }) }),
    answers: { 200: { description: 'The deletions', schema: erasures } },
    handle: async (c, { query, caller }) => c.json({ erasures: await rights.erasures(caller, query.limit) }),
  });

  add({
    method: 'get',
    path: '/api/records-of-processing',
    permission: 'audit:read',
    tag: TAG,
    summary: 'Records of processing activities (Article 30)',
    answers: { 200: { description: 'The record', schema: processingRecord } },
    handle: async (c, { caller }) => c.json(await rights.processingRecord(caller)),
  });

  add({
    method: 'get',
    path: '/api/records-of-processing/markdown',
    permission: 'audit:read',
    tag: TAG,
    summary: 'The same as a page to print',
    answers: { 200: { description: 'The record', type: 'text/markdown' } },
    handle: async (c, { caller }) =>
      c.body(processingMarkdown(await rights.processingRecord(caller)), 200, {
        'content-type': 'text/markdown; charset=utf-8',
      }),
  });

  async function erase(c: Context, caller: Caller, id: string, rollBack: boolean): Promise<Response> {
    return receiptOf(c, await rights.erase(caller, id, { rollBack }));
  }

  function receiptOf(c: Context, receipt: SignedReceipt): Response {
    return c.json({ status: 'deleted', timestamp: new Date().toISOString(), ...receipt });
  }

  async function exportOf(c: Context, caller: Caller, id: string): Promise<Response> {
    return documentOf(c, await rights.exportData(caller, id), `participant-${id}.json`);
  }

  function documentOf(c: Context, pieces: AsyncIterable<string>, filename: string): Response {
    const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>;
    return c.body(
      streamOf(pieces, () => void outgoing?.destroy()),
      200,
      {
        'content-type': 'application/json',
        'content-disposition': `attachment; filename="${filename}"`,
      },
    );
  }
}

/** @param cut Ends the connection, so that nobody takes half a document, with an error's text after it, for a whole one. */
function streamOf(pieces: AsyncIterable<string>, cut: () => void): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      } catch (error) {
        cut();
        controller.error(error);
      }
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}
