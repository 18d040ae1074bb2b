import { encode } from '@msgpack/msgpack';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Identity, type NodeId, participantIdOf, SERVER } from '../identity/index.ts';
import { attemptPlan } from './attempt-plan.ts';
import type { CryptoSuite } from './suite.ts';
import type { SecureParameters } from './types.ts';

/** An owner's sum of one slice, packed, and the digests of the masked slices that went into it. */
export interface ProvenSum {
  readonly parameters: SecureParameters;
  readonly slice: number;
  readonly values: Uint8Array<ArrayBuffer>;
  /** 16 bytes per survivor, in the cohort's order. */
  readonly digests: Uint8Array<ArrayBuffer>;
}

/** The owner's word for a sum: two different ones of the same slice convict it. */
export function signSum(identity: Identity, sum: ProvenSum): Promise<Uint8Array<ArrayBuffer>> {
  return identity.sign(sumBytes(sum, sha256(sum.values)));
}

/** @returns whether `owner` signed this sum. The server's key is whatever it says: nobody else can send as the server. */
export async function verifySum(
  owner: NodeId,
  proof: { readonly identityKey: Uint8Array<ArrayBuffer>; readonly signature: Uint8Array<ArrayBuffer> },
  sum: ProvenSum,
  suite: CryptoSuite,
): Promise<boolean> {
  if (owner !== SERVER && participantIdOf(proof.identityKey) !== owner) return false;
  return suite.verify(proof.identityKey, sumBytes(sum, await suite.digest(sum.values)), proof.signature);
}

function sumBytes(
  { parameters, slice, digests }: ProvenSum,
  valuesDigest: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { run, attempt, baseHash } = parameters.context;
  const { term, round, attempt: count } = attempt;
  const plan = attemptPlan(parameters).digest;
  const facts = [run, term, round, count, baseHash, plan, slice, valuesDigest, digests];
  return new Uint8Array(encode(['murmuration secagg sum v1', ...facts]));
}
