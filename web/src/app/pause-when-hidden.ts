import type { Services } from './services.ts';
import { isActive } from './session-words.ts';

/**
 * Where the person chose to train only while the page is visible: pauses the session when it is hidden, and
 * resumes what it paused, never what the person paused.
 */
export function pauseWhenHidden(
  { session, settings }: Pick<Services, 'session' | 'settings'>,
  page: Document,
): void {
  let paused = false;
  const apply = async (): Promise<void> => {
    if (page.visibilityState === 'hidden') {
      if (settings.current.trainWhen !== 'visible') return;
      const phase = (await session.snapshot())?.phase;
      if (phase === undefined || !isActive(phase) || phase.name === 'paused') return;
      paused = true;
      await session.pause();
    } else if (paused) {
      paused = false;
      await session.resume();
    }
  };
  page.addEventListener('visibilitychange', () => {
    apply().catch((error: unknown) =>
      console.warn('The session did not follow the visibility of the page.', error),
    );
  });
}
