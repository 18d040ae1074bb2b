import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { webCryptoRandom } from '../shared/random/index.ts';
import { bestSuite } from '../shared/secagg/index.ts';
import type { Finding } from '../shared/session/transcript/index.ts';
import { writeJson } from './options.ts';
import { type FileReport, replayFiles, type TranscriptFile } from './replay-files.ts';
import { formatTable } from './table.ts';

/**
 * `npm run replay -- FILE…`: checks transcripts of one secure round, and computes the round again from them. Exit 0 when
 * everything holds, 1 when something is wrong, by its name, 2 on bad usage.
 */
const USAGE = 'Usage: npm run replay -- FILE… [--json FILE]';
const SYMBOLS = { ok: 'ok', wrong: 'WRONG', absent: '–' } as const;

const { files, json } = readArguments();
const suite = await bestSuite(globalThis.crypto, webCryptoRandom(globalThis.crypto));
const report = await replayFiles(files.map(readTranscript), suite);

for (const file of report.files) {
  console.log(`\n${headingOf(file)}`);
  if (file.findings.length > 0) console.log(tableOf(file.findings));
}
console.log('\nTogether');
console.log(tableOf(report.joint));
const { failures } = report;
console.log(
  failures.length === 0 ? '\nEverything that could be checked holds.' : `\nWRONG: ${failures.join(', ')}`,
);
writeJson(json, { ...report, ok: failures.length === 0 });
process.exitCode = failures.length === 0 ? 0 : 1;

function headingOf({ file, of, error }: FileReport): string {
  if (of === undefined) return `${file}: refused, ${error?.code}. ${error?.message}`;
  return `${file}: round ${of.round} as ${of.node} saw it, ${of.committed ? 'committed' : 'abandoned'}`;
}

function tableOf(findings: readonly Finding[]): string {
  const rows = findings.map(({ name, outcome, text }) => [name, SYMBOLS[outcome], text]);
  return formatTable(['check', '', 'what was found'], rows);
}

function readArguments(): { files: string[]; json: string | undefined } {
  try {
    const { values, positionals } = parseArgs({
      options: { json: { type: 'string' } },
      strict: true,
      allowPositionals: true,
    });
    if (positionals.length === 0) return misused('There is no file to read.');
    return { files: positionals, json: values.json };
  } catch (thrown) {
    return misused((thrown as Error).message);
  }
}

function readTranscript(name: string): TranscriptFile {
  try {
    return { name, bytes: readFileSync(name) };
  } catch (thrown) {
    return misused(`${name} cannot be read: ${(thrown as NodeJS.ErrnoException).code}.`);
  }
}

function misused(problem: string): never {
  console.error(`${problem}\n${USAGE}`);
  process.exit(2);
}
