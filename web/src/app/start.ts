import '../components/app-shell.ts';
import type { AppShell } from '../components/app-shell.ts';
import { watchForUpdates } from '../pwa/updates.ts';
import type { Services } from './services.ts';
import { applyTheme } from './theme.ts';

export function startApp(services: Services): void {
  applyTheme(services.settings.current.theme);
  services.settings.subscribe(({ theme }) => applyTheme(theme));
  const shell = document.querySelector<AppShell>('mm-app')!;
  shell.services = services;
  watchForUpdates((reload) => shell.offerUpdate(reload));
}
