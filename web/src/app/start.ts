import '../components/app-shell.ts';
import { toErrorRecord } from '../../../shared/errors/index.ts';
import type { AppShell } from '../components/app-shell.ts';
import { watchForUpdates } from '../pwa/updates.ts';
import { followDevicePolicy } from './device-policy-session.ts';
import { showToast } from './events.ts';
import type { Services } from './services.ts';
import { applyTheme } from './theme.ts';

export function startApp(services: Services): void {
  applyTheme(services.settings.current.theme);
  services.settings.subscribe(({ theme }) => applyTheme(theme));
  followDevicePolicy(services);
  const shell = document.querySelector<AppShell>('mm-app')!;
  shell.services = services;
  services.session.restored.catch((error: unknown) =>
    showToast(shell, {
      text: `The session could not go on after the reload. ${toErrorRecord(error).message}`,
    }),
  );
  watchForUpdates((reload) => shell.offerUpdate(reload));
}
