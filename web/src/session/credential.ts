import { recall, remember } from '../storage/index.ts';

/** What lets this device into a federation that is not open to everybody. */
export interface Credential {
  readonly token: string;
  /** It did: the server knows this device as a member, and an invitation is not needed again. */
  readonly isAdmitted: boolean;
}

function keyOf(federation: string): string {
  return `credential/${federation}`;
}

export async function credentialOf(federation: string): Promise<Credential | undefined> {
  const found = (await recall(keyOf(federation))) as Partial<Credential> | undefined;
  return typeof found?.token === 'string'
    ? { token: found.token, isAdmitted: found.isAdmitted === true }
    : undefined;
}

export async function keepCredential(federation: string, credential: Credential | undefined): Promise<void> {
  await remember(keyOf(federation), credential);
}

/** Whether the hello has to carry it. */
export function helloCredential(credential: Credential | undefined): string | undefined {
  if (credential === undefined || (credential.isAdmitted && credential.token.startsWith('mi_')))
    return undefined;
  return credential.token;
}
