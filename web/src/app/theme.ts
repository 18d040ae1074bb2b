import type { Theme } from './services.ts';

/** `system` leaves the choice to the stylesheet's prefers-color-scheme. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
