import type { Federation, FederationInput } from '../../shared/federation/index.ts';
import type { RoundRecord } from '../../shared/wire/index.ts';

/** The server's HTTP API, as a stranger sees it. */
export async function defineFederation(serverUrl: string, document: FederationInput): Promise<Federation> {
  const response = await fetch(`${serverUrl}/api/federations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(document),
  });
  if (!response.ok) throw new Error(`The server refused the federation: ${await response.text()}`);
  return (await response.json()) as Federation;
}

/** The rounds the server has on record, in order. */
export async function roundsOf(
  serverUrl: string,
  run: string,
  bearer?: string,
): Promise<readonly RoundRecord[]> {
  return ((await getJson(`${serverUrl}/api/runs/${run}/rounds`, bearer)) as { rounds: RoundRecord[] }).rounds;
}

export interface ServerRun {
  readonly id: string;
  readonly status: string;
  readonly round: number;
  readonly model: { readonly version: number; readonly hash: string } | null;
}

export async function runOf(serverUrl: string, federation: string): Promise<ServerRun> {
  return (await getJson(`${serverUrl}/api/federations/${federation}/run`)) as ServerRun;
}

async function getJson(url: string, bearer?: string): Promise<unknown> {
  const headers = bearer === undefined ? undefined : { authorization: `Bearer ${bearer}` };
  const response = await fetch(url, headers && { headers });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
