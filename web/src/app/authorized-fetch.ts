/**
 * Asks with the first of these bearers that the server takes, and last of all as nobody in particular: a credential that has expired
 * must not keep anybody from what is open.
 */
export async function authorizedFetch(
  bearers: readonly string[],
  path: string,
  init: RequestInit,
): Promise<Response> {
  let refused: Response | undefined;
  for (const bearer of bearers) {
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${bearer}`);
    const response = await fetch(path, { ...init, headers });
    if (response.status !== 401) return response;
    refused ??= response;
  }
  const open = await fetch(path, init);
  return open.ok || refused === undefined ? open : refused;
}
