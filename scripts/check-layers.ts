import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/**
 * Imports point downwards only (docs/ARCHITECTURE.md). A folder may import from itself and from folders of a
 * lower rank; only shared/training may import tfjs; shared/ imports neither Node nor browser modules.
 */
const RANKS: Record<string, number> = {
  'shared/errors': 0,
  'shared/random': 1,
  'shared/privacy': 2,
  'shared/identity': 2,
  'shared/federation': 2,
  'shared/dataset': 3,
  'shared/update': 3,
  'shared/ledger': 4,
  'shared/wire': 4,
  'shared/transport': 5,
  'shared/client': 6,
  'shared/compress': 5,
  'shared/aggregate': 6,
  'shared/secagg': 6,
  'shared/training': 6,
  'shared/session': 7,
  'shared/testing': 8,
  'shared/simulate': 9,
  'signaling-server': 9,
  web: 9,
  e2e: 10,
  scripts: 10,
};
const ROOT_FILES = 'the root';
const IMPORT =
  /(?:import|export)\s[^'"]*?from\s*['"]([^'"]+)['"]|import\s*\(\s*['"]([^'"]+)['"]\s*\)|import\s*['"]([^'"]+)['"]/g;

const root = resolve(import.meta.dirname, '..');
const faults: string[] = [];

for (const top of ['shared', 'signaling-server', 'web', 'e2e', 'scripts']) {
  for (const file of sources(join(root, top))) {
    const isTest = file.endsWith('.test.ts');
    const from = folderOf(file);
    for (const match of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const target = (match[1] ?? match[2] ?? match[3])!;
      const fault = target.startsWith('.')
        ? faultOfRelative(from, folderOf(resolve(dirname(file), target)), isTest)
        : faultOfPackage(from, target, isTest);
      if (fault !== undefined) faults.push(`${relative(root, file)}: ${fault}`);
    }
  }
}

if (faults.length > 0) {
  console.error(`Imports that point the wrong way:\n  ${faults.join('\n  ')}`);
  process.exit(1);
}

function faultOfRelative(from: string, to: string, isTest: boolean): string | undefined {
  if (from === to || (to === ROOT_FILES && !from.startsWith('shared/'))) return undefined;
  const [fromRank, toRank] = [RANKS[from], RANKS[to]];
  if (fromRank === undefined || toRank === undefined)
    return `${from} → ${to}: a folder without a rank in scripts/check-layers.ts`;
  if (isTest && to === 'shared/testing') return undefined;
  if (toRank < fromRank || (toRank === fromRank && toRank >= 10)) return undefined;
  return `${from} (rank ${fromRank}) may not import ${to} (rank ${toRank})`;
}

function faultOfPackage(from: string, target: string, isTest: boolean): string | undefined {
  if (!from.startsWith('shared/') || isTest) return undefined;
  if (target.startsWith('node:')) return `${from} may not import ${target}: shared code runs in browsers too`;
  if (target.startsWith('@tensorflow/') && from !== 'shared/training')
    return `only shared/training may import ${target}`;
  return undefined;
}

function folderOf(path: string): string {
  const parts = relative(root, path).split('/');
  // package.json and the like: facts that any layer but shared/ may read.
  if (parts.length === 1) return ROOT_FILES;
  return parts[0] === 'shared' ? parts.slice(0, 2).join('/') : parts[0]!;
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(
      (entry) => entry.isFile() && /\.ts$/.test(entry.name) && !entry.parentPath.includes('node_modules'),
    )
    .map((entry) => join(entry.parentPath, entry.name));
}
