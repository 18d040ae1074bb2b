import { type Identity, toBase64Url } from '../../../shared/identity/index.ts';

/** What a device asks of the server about itself, proven by its key: no connection to the hub is needed. SPEC V-11. */
export interface RightsRequest {
  readonly action: 'export' | 'delete' | 'withdraw' | 'consent';
  /** Of `withdraw` and `consent`; empty otherwise. */
  readonly federation: string;
  /** Hash of the terms, of `consent`; empty otherwise. */
  readonly policy: string;
}

export interface SignedRightsRequest extends RightsRequest {
  readonly participant: string;
  readonly atMs: number;
  readonly publicKey: string;
  readonly signature: string;
}

/** @param nowMs of a clock that is right within ten minutes. */
export async function signRightsRequest(
  identity: Identity,
  { action, federation, policy }: RightsRequest,
  nowMs: number,
): Promise<SignedRightsRequest> {
  const lines = ['murmuration rights request 1', action, identity.id, federation, policy, String(nowMs)];
  const signature = await identity.sign(new TextEncoder().encode(lines.join('\n')));
  return {
    action,
    participant: identity.id,
    federation,
    policy,
    atMs: nowMs,
    publicKey: toBase64Url(identity.publicKey),
    signature: toBase64Url(signature),
  };
}
