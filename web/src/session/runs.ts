import { type ErrorCode, hasCode } from '../../../shared/errors/index.ts';
import { type Federation, parseFederation } from '../../../shared/federation/index.ts';
import { recall, remember } from '../storage/index.ts';

/** With these, what was remembered serves. */
const REMEMBERED: readonly ErrorCode[] = [
  'http.unavailable',
  'http.unauthorized',
  'access.expired',
  'access.revoked',
];

/** A federation and the run it is at, as the server names it. */
export interface FederationRun {
  readonly federation: Federation;
  readonly run: string;
}

const federations = new Map<string, string>();

/** Which federation a run is of, where this page asked for it. */
export function federationOfRun(run: string): string | undefined {
  return federations.get(run);
}

/**
 * What the server says, remembered on the device; without the server, what was remembered.
 * @throws `federation.unknown`, `federation.invalid`; `http.unavailable` when there is neither.
 */
export async function federationRun(id: string, signal?: AbortSignal): Promise<FederationRun> {
  try {
    const { askAboutFederation } = await import('./ask-about-federation.ts');
    const { document, run } = await askAboutFederation(id, signal);
    const found = { federation: parseFederation(document), run: (run as { id: string }).id };
    federations.set(found.run, id);
    await remember(keyOf(id), { document, run: found.run });
    return found;
  } catch (thrown) {
    // A member whose invitation has expired reads nothing before it is connected; what it read before is enough to connect.
    const mayRemember = REMEMBERED.some((code) => hasCode(thrown, code));
    const remembered = mayRemember
      ? ((await recall(keyOf(id))) as { document: unknown; run: string } | undefined)
      : undefined;
    if (remembered === undefined) throw thrown;
    federations.set(remembered.run, id);
    return { federation: parseFederation(remembered.document), run: remembered.run };
  }
}

function keyOf(id: string): string {
  return `run/${id}`;
}
