import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_RETENTION } from '../signaling-server/rights/retention-periods.ts';

/** Holds the documents to the repository: scripts, paths, links and settings that they name exist, and none is left out. */
const root = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...['docs', 'docs/decisions'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `${folder}/${name}`),
  ),
];
const scripts = Object.keys(
  (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts,
);

test('CONTRIBUTING has one line for every script, and no other', () => {
  const lines = [...read('CONTRIBUTING.md').matchAll(/^\| `npm (?:run )?([\w:]+)` \|/gm)].map(
    (match) => match[1]!,
  );
  // npm runs `prepare` by itself after an install.
  expect([...lines].sort()).toEqual(scripts.filter((name) => name !== 'prepare').sort());
});

describe.each(documents)('%s', (document) => {
  const text = read(document);

  test('names commands that exist', () => {
    const named = [...text.matchAll(/\bnpm run ([\w:]+)/g)].map((match) => match[1]!);
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
  });

  test('names files and folders that exist', () => {
    const named = [...text.matchAll(/`((?:shared|web|signaling-server|e2e|scripts|docs)\/[\w./-]+)`/g)];
    expect(named.map((match) => match[1]!).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('links to what exists', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!);
    expect(links.filter((link) => !existsSync(join(root, dirname(document), link)))).toEqual([]);
  });
});

test('every setting of the server is in the documents, once, with its default', () => {
  const schema = /const environment = z\.object\(\{([\s\S]*?)\n\}\);/.exec(
    read('signaling-server/config.ts'),
  )![1]!;
  const settings = [...schema.matchAll(/^ {2}([A-Z_]+):/gm)].map((match) => match[1]!);
  const rowsOf = (path: string) => [...read(path).matchAll(/^\| `([A-Z_]+)` \| (\S+) \|/gm)];
  const rows = rowsOf('docs/SETTINGS.md');
  expect(rows.map((row) => row[1]).sort()).toEqual(settings.toSorted());
  for (const [, name, shown] of [...rows, ...rowsOf('README.md')]) {
    // One property of the schema ends where the next begins.
    const property = schema.slice(schema.indexOf(`  ${name}:`)).split(/\n {2}[A-Z]/)[0]!;
    const retention = /DEFAULT_RETENTION\.(\w+)/.exec(property)?.[1] as keyof typeof DEFAULT_RETENTION;
    const literal = /\.default\('?([^')]*)'?\)/.exec(property)?.[1]?.replaceAll('_', '');
    const value = retention === undefined ? literal : String(DEFAULT_RETENTION[retention]);
    expect(shown, name).toBe(value === undefined ? '–' : `\`${value}\``);
  }
});

test('decisions are numbered without gaps, each with context, decision and consequence', () => {
  const records = documents.filter((path) => path.startsWith('docs/decisions/')).sort();
  records.forEach((path, index) => {
    expect(path).toContain(`/${String(index + 1).padStart(4, '0')}-`);
    const text = read(path);
    expect(text).toMatch(new RegExp(`^# ${index + 1}\\. `));
    for (const part of ['Context', 'Decision', 'Consequence']) expect(text).toContain(`**${part}.**`);
  });
});
