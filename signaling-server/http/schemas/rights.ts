import { z } from '@hono/zod-openapi';
import { RIGHTS_ACTIONS } from '../../rights/signed-request.ts';
import { atMs, federationId, participantId, pattern } from './fields.ts';

export const policy = pattern(/^[0-9a-f]{64}$/, 'the hash of the terms, 64 hexadecimal digits');
const base64url = pattern(/^[\w-]{1,200}$/, 'base64url');

export const signedReceipt = z
  .object({ receipt: z.looseObject({}), publicKey: z.string(), signature: z.string() })
  .openapi('ErasureReceipt', { description: 'Signed by this server: docs/SPEC.md, section 22' });
export const deleted = signedReceipt
  .extend({ status: z.literal('deleted'), timestamp: z.iso.datetime() })
  .openapi('ParticipantDeleted');

export const consents = z
  .object({
    consents: z.array(
      z.object({
        federation: z.string(),
        policy: z.string(),
        givenAtMs: atMs,
        withdrawnAtMs: atMs.nullable(),
        isCurrent: z.boolean(),
      }),
    ),
  })
  .openapi('Consents');

export const erasures = z
  .object({
    erasures: z.array(
      z.object({
        id: z.string(),
        requestedAtMs: atMs,
        completedAtMs: atMs.nullable(),
        effect: z.looseObject({}),
      }),
    ),
  })
  .openapi('Erasures');

export const processingRecord = z
  .looseObject({
    schema: z.string(),
    generatedAtMs: atMs,
    activities: z.array(z.looseObject({ federation: z.string() })),
    measures: z.array(z.string()),
  })
  .openapi('ProcessingRecord', { description: 'As Article 30 asks for, from the configuration as it is' });

export const exported = z.looseObject({}).openapi('ParticipantExport', {
  description: 'Everything that this server has about a participant (Article 20)',
});

export const signedRequest = z.strictObject({
  action: z.enum(RIGHTS_ACTIONS),
  participant: participantId,
  federation: z.union([z.literal(''), federationId]).default(''),
  policy: z.union([z.literal(''), policy]).default(''),
  atMs,
  publicKey: base64url,
  signature: base64url,
  rollBack: z.boolean().default(false),
});
