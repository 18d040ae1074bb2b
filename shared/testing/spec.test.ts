import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

/** Holds docs/SPEC.md, the code that cites its rules and the tests that quote them together. */
const root = resolve(import.meta.dirname, '../..');
const spec = readFileSync(join(root, 'docs/SPEC.md'), 'utf8');
const rules = [...spec.matchAll(/^- \*\*([A-Z]-\d\d)\*\* /gm)].map((match) => match[1]!);
const groups = [...new Set(rules.map((id) => id[0]!))].join('');

const sources = ['shared', 'signaling-server', 'web/src', 'e2e', 'scripts'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name)),
);
/** Tests, and the suites that they run: everything in a folder named `testing`. */
const isTest = (path: string) => /\.test\.ts$|\.spec\.ts$|\/testing\//.test(path);
const self = join(root, 'shared/testing/spec.test.ts');
const ids = new RegExp(`(?<![\\w-])[${groups}]-\\d\\d(?![\\w-])`, 'g');
const texts = sources
  .filter((path) => path !== self)
  .map((path) => [path, readFileSync(path, 'utf8')] as const);

test('every rule has one id, in order within its group', () => {
  expect(new Set(rules).size).toBe(rules.length);
  expect(rules.length).toBeGreaterThan(100);
  for (const group of groups) {
    const own = rules.filter((id) => id.startsWith(group));
    expect(own).toEqual([...own].sort());
  }
});

test('every rule is quoted by a test', () => {
  const quoted = new Set(texts.filter(([path]) => isTest(path)).flatMap(([, text]) => text.match(ids) ?? []));
  expect(rules.filter((id) => !quoted.has(id))).toEqual([]);
});

test('nobody cites a rule that does not exist', () => {
  const unknown = texts.flatMap(([path, text]) => {
    const cited = isTest(path) ? (text.match(ids) ?? []) : citations(text);
    return cited.filter((id) => !rules.includes(id)).map((id) => `${relative(root, path)}: ${id}`);
  });
  expect(unknown).toEqual([]);
});

test.each(['SPEC.md', 'ARCHITECTURE.md', 'THREAT-MODEL.md'])('%s refers to rules that exist', (name) => {
  const text = readFileSync(join(root, 'docs', name), 'utf8');
  expect((text.match(ids) ?? []).filter((id) => !rules.includes(id))).toEqual([]);
});

/** What follows the word SPEC in a comment: one id, or a range of them. */
function citations(text: string): string[] {
  return [...text.matchAll(/SPEC ([A-Z]-\d\d)(?: to ([A-Z]-\d\d))?/g)].flatMap(([, first, last]) =>
    [first, last].filter((id) => id !== undefined),
  );
}
