import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { findChromium } from '../e2e/harness/browser.ts';

/**
 * `npm run ensure:chromium`: finds Chromium, or installs Debian's through apt-get. Everything that opens a browser
 * calls this first.
 * @returns the path of the program.
 * @throws when there is none and it cannot be installed here, saying what to do by hand.
 */
export function ensureChromium(): string {
  const found = findChromium();
  if (found !== undefined) return found;
  const prefix = aptPrefix();
  say('Chromium was not found: installing it through apt-get. This takes a minute or two.');
  // A list that cannot be refreshed may still name a package that can be fetched: the next step tells.
  if (!apt(prefix, ['update']))
    say('The package lists could not be refreshed; trying with those that are here.');
  if (!apt(prefix, ['install', '--yes', '--no-install-recommends', 'chromium']))
    throw new Error(`apt-get could not install Chromium; its reason is above. ${BY_HAND}`);
  const installed = findChromium();
  if (installed === undefined)
    throw new Error(
      `The package "chromium" brought no browser, as where it is a stub for a snap. ${BY_HAND}`,
    );
  say(`Chromium is installed: ${installed}`);
  return installed;
}

const BY_HAND = 'Install Chromium or Google Chrome by hand, or set CHROMIUM to the path of one.';

/** What goes before `apt-get`. @throws where there is no apt-get, or no right to use it. */
function aptPrefix(): readonly string[] {
  if (process.platform !== 'linux' || !works('apt-get', ['--version']))
    throw new Error(`Chromium was not found, and there is no apt-get here to install it with. ${BY_HAND}`);
  if (process.getuid?.() === 0) return [];
  // Without a terminal nobody could type a password.
  const sudo = process.stdin.isTTY ? ['sudo'] : ['sudo', '--non-interactive'];
  if (
    !works('sudo', ['--version']) ||
    (!process.stdin.isTTY && !works('sudo', ['--non-interactive', 'true']))
  )
    throw new Error(
      'Chromium was not found, and installing it takes root. Run `apt-get install chromium` as root, or set CHROMIUM to the path of one.',
    );
  return sudo;
}

function apt(prefix: readonly string[], parameters: readonly string[]): boolean {
  const [program, ...rest] = [...prefix, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '--quiet'];
  const options = ['-o', 'DPkg::Lock::Timeout=300', '-o', 'Dpkg::Use-Pty=0'];
  // On stderr, so that the output of whoever called stays its own.
  return spawnSync(program!, [...rest, ...options, ...parameters], { stdio: ['inherit', 2, 2] }).status === 0;
}

function works(program: string, parameters: readonly string[]): boolean {
  return spawnSync(program, parameters, { stdio: 'ignore' }).status === 0;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  try {
    console.log(ensureChromium());
  } catch (error) {
    say((error as Error).message);
    process.exit(1);
  }
}
