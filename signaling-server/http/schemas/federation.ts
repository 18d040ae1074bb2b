import { z } from '@hono/zod-openapi';
import { federationSchema } from '../../../shared/federation/index.ts';
import { atMs, federationId, modelHash, next } from './fields.ts';

const DOCUMENT = 'FederationDocument';

type JsonSchema = Record<string, unknown>;

/**
 * The federation document as JSON Schema, by the names that its parts have in the OpenAPI document: layers nest, and are told
 * once.
 */
export function federationComponents(): Readonly<Record<string, JsonSchema>> {
  const {
    $schema: _dialect,
    $defs = {},
    ...root
  } = z.toJSONSchema(federationSchema, {
    io: 'input',
    unrepresentable: 'any',
    reused: 'ref',
  }) as JsonSchema & { $defs?: Record<string, JsonSchema> };
  const renamed = (value: JsonSchema): JsonSchema =>
    JSON.parse(
      JSON.stringify(value).replaceAll(/"#\/\$defs\/(\w+)"/g, `"#/components/schemas/${DOCUMENT}.$1"`),
      // Readers of OpenAPI documents know `const` for texts only.
      (_, part) => {
        if (typeof part !== 'object' || part === null || !('const' in part)) return part;
        const { const: only, ...rest } = part as JsonSchema;
        return { ...rest, enum: [only] };
      },
    );
  return {
    [DOCUMENT]: renamed(root),
    ...Object.fromEntries(
      Object.entries($defs).map(([name, part]) => [`${DOCUMENT}.${name}`, renamed(part)]),
    ),
  };
}

/** Checked by {@link parseFederation}, which knows more than a schema can say. */
export const federationDocument = z
  .looseObject({ id: z.string(), revision: z.int(), name: z.string() })
  .openapi(DOCUMENT);
export const federationBody = { $ref: `#/components/schemas/${DOCUMENT}` };

export const federationPage = z
  .object({ federations: z.array(federationDocument), next })
  .openapi('FederationPage');

export const run = z
  .object({
    id: z.string(),
    federation: z.string(),
    status: z.enum(['open', 'finished', 'stopped']),
    term: z.int(),
    round: z.int(),
    model: z.object({ version: z.int(), hash: z.string(), bytes: z.int() }).nullable(),
  })
  .openapi('Run');

const admission = z.enum(['open', 'invitation', 'members']);
const control = z.enum(['open', 'managed']);
export const settings = z
  .object({ admission, control, owner: z.string().nullable() })
  .openapi('FederationSettings');
export const settingsChange = z.strictObject({
  admission: admission.optional(),
  control: control.optional(),
});

export const federationStatus = z
  .object({
    federation: z.string(),
    name: z.string(),
    revision: z.int(),
    settings: z.object({ admission, control }),
    run,
    participants: z.int().openapi({ description: 'Connected now' }),
    cohort: z.object({ fewest: z.int(), most: z.int() }),
    secureAggregation: z.boolean(),
  })
  .openapi('FederationStatus');
export const federationStatuses = z
  .object({ timestamp: z.iso.datetime(), federations: z.array(federationStatus), next })
  .openapi('FederationStatuses');

export const promotionOrder = z.strictObject({ version: z.int().min(0), hash: modelHash });
export const promotion = z
  .object({
    federation: federationId,
    run: z.string(),
    version: z.int(),
    hash: z.string(),
    promotedBy: z.string(),
    atMs,
  })
  .openapi('Promotion');
