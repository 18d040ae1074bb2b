import { createServices } from './app/real-services.ts';
import { startApp } from './app/start.ts';

const bringsInvitation = (): boolean => location.hash.startsWith('#invite=');

/** Before anything is asked for, so that it is asked for with it. Loaded only where the address brings one. */
async function takeInvitation(): Promise<void> {
  const { takeInvitation: take } = await import('./app/invitation.ts');
  await take();
}

if (bringsInvitation()) await takeInvitation();
// Opened in a tab that has the page already.
window.addEventListener('hashchange', () => {
  if (bringsInvitation()) void takeInvitation().then(() => location.reload());
});
startApp(await createServices());
