import type { Browser, BrowserContext, Page } from '@playwright/test';
import type { SessionSnapshot } from '../../web/src/session/snapshot.ts';

export interface ParticipantOptions {
  readonly federation: string;
  readonly shard: number;
  readonly examples: number;
  readonly split?: 'iid' | 'label';
  readonly paths?: readonly string[];
  /** Token of the invitation link that is opened. */
  readonly invitation?: string;
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Runs before the page is opened. */
  readonly prepare?: (context: BrowserContext) => Promise<void>;
}

/** One person's browser: a context of its own, so identity, data and ledger are its own. */
export interface BrowserParticipant {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the page knows of its session; undefined before it joined. */
  snapshot(): Promise<SessionSnapshot | undefined>;
  /** Waits until the session's snapshot satisfies the condition. @throws after the time limit, with the last phase. */
  until(condition: (snapshot: SessionSnapshot) => boolean, timeoutMs: number): Promise<SessionSnapshot>;
  /** Closes the tab without a goodbye and opens it again in the same browser profile. */
  reopen(afterMs?: number): Promise<void>;
  close(): Promise<void>;
}

const POLL_MS = 100;

export async function openParticipant(
  browser: Browser,
  serverUrl: string,
  options: ParticipantOptions,
): Promise<BrowserParticipant> {
  const context = await browser.newContext({
    serviceWorkers: 'block',
    ...(options.viewport === undefined ? {} : { viewport: options.viewport }),
  });
  await options.prepare?.(context);
  const query = new URLSearchParams({
    autojoin: '1',
    sample: String(options.shard),
    examples: String(options.examples),
    split: options.split ?? 'iid',
  });
  if (options.paths !== undefined) query.set('paths', options.paths.join(','));
  const fragment = options.invitation === undefined ? '' : `#invite=${options.invitation}`;
  const url = `${serverUrl}/f/${options.federation}?${query}${fragment}`;
  let page = await context.newPage();
  await page.goto(url);

  const participant: BrowserParticipant = {
    context,
    get page() {
      return page;
    },
    snapshot: () => readSnapshot(page),
    async until(condition, timeoutMs) {
      const endMs = Date.now() + timeoutMs;
      let last: SessionSnapshot | undefined;
      while (Date.now() < endMs) {
        last = await readSnapshot(page);
        if (last !== undefined && condition(last)) return last;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      throw new Error(
        `The condition did not come true within ${timeoutMs} ms; last: ${JSON.stringify({ ...last, records: last?.records.length })}`,
      );
    },
    async reopen(afterMs = 0) {
      await page.close();
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      page = await context.newPage();
      await page.goto(url);
    },
    close: () => context.close(),
  };
  return participant;
}

function readSnapshot(page: Page): Promise<SessionSnapshot | undefined> {
  return page.evaluate(async () => {
    const app = document.querySelector('mm-app') as unknown as {
      services?: { session: { snapshot(): Promise<SessionSnapshot | undefined> } };
    } | null;
    return app?.services?.session.snapshot();
  });
}
