import type { BrowserContext, Page } from '@playwright/test';
import type { PageSession } from '../../web/src/app/services.ts';
import type { SessionPhase, SessionSnapshot } from '../../web/src/session/snapshot.ts';

/** What a tab held and did since it was opened, noted inside the tab, so that nothing between two looks is missed. */
export interface Recording {
  /** Model version → hash. */
  readonly models: Record<number, string>;
  /** The page's own errors, which no view may cause. */
  readonly errors: string[];
}

type RecordedWindow = Window & { readonly recording: Recording; readonly session: Promise<PageSession> };

/** Records every tab of this context from its start. */
export async function recordTabs(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const recording: Recording = { models: {}, errors: [] };
    window.addEventListener('error', ({ message }) => recording.errors.push(message));
    window.addEventListener('unhandledrejection', ({ reason }) => recording.errors.push(String(reason)));
    const session = new Promise<PageSession>((found) => {
      const timer = setInterval(() => {
        const app = document.querySelector('mm-app') as { services?: { session: PageSession } } | null;
        if (app?.services === undefined) return;
        clearInterval(timer);
        found(app.services.session);
      }, 10);
    });
    void session.then((service) =>
      service.subscribe((snapshot) => {
        if (snapshot?.model !== undefined) recording.models[snapshot.model.version] = snapshot.model.hash;
      }),
    );
    Object.assign(window, { recording, session });
  });
}

export function readRecording(page: Page): Promise<Recording> {
  return page.evaluate(() => (window as unknown as RecordedWindow).recording);
}

/** Resolves as soon as the tab enters this phase, if it is in it already: the next time. The test's limit ends it. */
export function whenPhase(page: Page, name: SessionPhase['name']): Promise<SessionSnapshot> {
  return page.evaluate(async (wanted) => {
    const session = await (window as unknown as RecordedWindow).session;
    return new Promise<SessionSnapshot>((found) => {
      let elsewhere = false;
      const stop = session.subscribe((snapshot) => {
        if (snapshot?.phase.name !== wanted) elsewhere = true;
        else if (elsewhere) {
          stop();
          found(snapshot);
        }
      });
    });
  }, name);
}
