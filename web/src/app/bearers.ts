import { credentialOf } from '../session/credential.ts';
import { federationOfRun } from '../session/runs.ts';
import { authorizedFetch } from './authorized-fetch.ts';
import type { PageSession } from './services.ts';

const OF_FEDERATION = /^\/api\/federations\/([a-z0-9][a-z0-9-]{0,62})/;
const OF_RUN = /^\/api\/runs\/([\w-]{1,64})/;

/** What this device may show for a request to this path, the best first: the token of its connection, and what let it in. */
async function bearersFor(
  session: Pick<PageSession, 'token' | 'snapshot'>,
  path: string,
): Promise<readonly string[]> {
  const run = OF_RUN.exec(path)?.[1];
  const federation = OF_FEDERATION.exec(path)?.[1] ?? (run === undefined ? undefined : federationOfRun(run));
  if (federation === undefined) return [];
  const isHere = (await session.snapshot())?.federationId === federation;
  const token = isHere ? await session.token() : undefined;
  // Without storage there is nothing to show.
  const credential = await credentialOf(federation).catch(() => undefined);
  return [token, credential?.token].filter((bearer) => bearer !== undefined);
}

export async function fetchAsMember(
  session: Pick<PageSession, 'token' | 'snapshot'>,
  path: string,
  init: RequestInit,
): Promise<Response> {
  return authorizedFetch(await bearersFor(session, path), path, init);
}
