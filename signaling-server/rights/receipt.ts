import { canonicalJson } from '../../shared/federation/index.ts';
import { fromBase64Url, type Identity, toBase64Url, verifySignature } from '../../shared/identity/index.ts';
import type { Contribution } from './contributions.ts';

/** What a deletion came to, for whoever asked for it. It names the deletion, and nobody. */
export interface ErasureReceipt {
  readonly erasure: string;
  readonly requestedAtMs: number;
  readonly completedAtMs: number;
  /** Rows that named the participant, by table, and what became of them. */
  readonly tables: readonly {
    readonly table: string;
    readonly rows: number;
    readonly treatment: string;
    readonly ground: string;
  }[];
  readonly contributions: readonly Contribution[];
  /** By run: `version N`, or the code of why the model was not taken back. Empty where nobody asked for it. */
  readonly rollbacks: Readonly<Record<string, string>>;
  readonly excluded: boolean;
  /** What a deletion does not do. */
  readonly notice: string;
}

export interface SignedReceipt {
  readonly receipt: ErasureReceipt;
  /** Base64url, raw Ed25519. */
  readonly publicKey: string;
  /** Base64url, over {@link receiptStatement}. */
  readonly signature: string;
}

export const NOTICE =
  'Models that were computed before stay as they are, unless they were taken back: a model cannot unlearn. Copies of models, and of the history of rounds, that other participants hold are out of reach of this server. Backups are overwritten in their own time, and a deletion is carried out again when one is restored over what knows of it.';

/** The first line separates it from everything else that the server signs. */
export function receiptStatement(receipt: ErasureReceipt): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`murmuration erasure receipt 1\n${canonicalJson(receipt)}`);
}

export async function signReceipt(identity: Identity, receipt: ErasureReceipt): Promise<SignedReceipt> {
  return {
    receipt,
    publicKey: toBase64Url(identity.publicKey),
    signature: toBase64Url(await identity.sign(receiptStatement(receipt))),
  };
}

/** @param publicKey - of the server, from a source other than the receipt. */
export function verifyReceipt({ receipt, signature }: SignedReceipt, publicKey: Uint8Array): boolean {
  return verifySignature(publicKey, receiptStatement(receipt), fromBase64Url(signature));
}
