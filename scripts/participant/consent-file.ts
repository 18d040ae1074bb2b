import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { check, MurmurationError } from '../../shared/errors/index.ts';
import { type Federation, formatPath, policyHash } from '../../shared/federation/index.ts';
import type { SpendingLimit } from '../../shared/ledger/index.ts';
import { changedTerms } from './terms.ts';

const hour = z.number().min(0).max(24);

/** What an institution agreed to, and within which limits its machine may take part. */
const consentSchema = z.strictObject({
  /** The federation's id. */
  federation: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'not the id of a federation'),
  /** Printed by `--show-terms`: what leaves, and who may look at it. */
  terms: z.string().regex(/^[0-9a-f]{64}$/, 'not 64 lower-case hex digits'),
  /** Most that may be spent of the data, over all federations; of records unless `unit` says otherwise. */
  epsilonLimit: z.number().positive().max(1000).optional(),
  delta: z.number().positive().lt(1).default(1e-5),
  unit: z.enum(['record', 'participant']).optional(),
  /** Rounds of this federation that an update may leave for, in all. */
  maxRounds: z.int().positive().max(1_000_000).optional(),
  /** Hours of the day, by this machine's clock, in which rounds are taken part in; over midnight where `from` is later. */
  hours: z.strictObject({ from: hour, to: hour }).optional(),
  device: z
    .strictObject({
      /** Most of the time that training may take of one core, above 0, at most 1. */
      maxCpuShare: z.number().positive().max(1).default(1),
      /** Rests more while steps are slow. */
      coolDown: z.boolean().default(false),
      /** Left out: all that the federation allows. */
      paths: z
        .array(z.enum(['direct', 'relay', 'server']))
        .min(1)
        .optional(),
    })
    .prefault({}),
});

export type ConsentFile = z.output<typeof consentSchema>;

/** @throws `argument.invalid` naming the field. */
export function parseConsent(text: string): ConsentFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new MurmurationError('argument.invalid', 'The consent file is not JSON.', {
      remedy: 'Write it as `--show-terms` shows it.',
      cause,
    });
  }
  const result = consentSchema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new MurmurationError('argument.invalid', `The consent file is wrong: ${issue!.message}.`, {
    path: formatPath(issue!.path) || 'consent file',
    remedy: 'Correct it; docs/PARTICIPANT.md lists its fields.',
  });
}

/** @throws `argument.invalid` when it cannot be read, or is wrong. */
export async function readConsent(path: string): Promise<ConsentFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new MurmurationError('argument.invalid', 'The consent file cannot be read.', {
      path: '--consent',
      received: String((cause as { code?: unknown }).code),
      remedy: 'Check its place and its rights.',
      cause,
    });
  }
  return parseConsent(text);
}

/**
 * Holds the terms that the server tells now against those that were agreed to. SPEC B-20.
 * @param agreed a document with the terms that were agreed to, where this machine has kept it: what changed is named then.
 * @throws `privacy.policy-changed`; `argument.invalid` for a consent to another federation.
 */
export function checkTerms(
  consent: ConsentFile,
  federation: Federation,
  agreed: Federation | undefined,
): void {
  check(consent.federation === federation.id, 'argument.invalid', 'The consent is to another federation.', {
    path: 'federation',
    expected: federation.id,
    received: consent.federation,
    remedy: 'Give the consent file of this federation.',
  });
  const now = policyHash(federation);
  if (consent.terms === now) return;
  const changes = agreed === undefined ? [] : changedTerms(agreed, federation);
  throw new MurmurationError('privacy.policy-changed', 'The terms are not those that were agreed to.', {
    path: 'terms',
    expected: `terms ${consent.terms.slice(0, 12)}`,
    received: `revision ${federation.revision}, terms ${now.slice(0, 12)}${changes.length === 0 ? '' : `; changed: ${listed(changes)}`}`,
    remedy:
      'Nothing was sent. Read them with --show-terms, and put the new hash into the consent file to agree.',
  });
}

const MAX_LISTED = 20;

function listed(changes: readonly string[]): string {
  const rest = changes.length - MAX_LISTED;
  return [...changes.slice(0, MAX_LISTED), ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ');
}

/** As a limit of this device for its data. Undefined without one. */
export function limitOf(
  consent: ConsentFile,
  { privacy }: Pick<Federation, 'privacy'>,
): SpendingLimit | undefined {
  if (consent.epsilonLimit === undefined) return undefined;
  const unit = consent.unit ?? (privacy.participant === undefined ? 'record' : 'participant');
  return { unit, epsilon: consent.epsilonLimit, delta: consent.delta };
}
