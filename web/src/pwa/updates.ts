import { registerSW } from 'virtual:pwa-register';

/**
 * Registers the service worker. A new version waits until the person says so: a session is never cut short.
 * @param onUpdate is handed what reloads into the new version.
 */
export function watchForUpdates(onUpdate: (reload: () => void) => void): void {
  const update = registerSW({
    onNeedRefresh: () => onUpdate(() => void update(true)),
    onRegisterError: (error: unknown) =>
      console.warn('Without a service worker this page does not work offline.', error),
  });
}
