import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeTranscript } from '../shared/session/transcript/index.ts';
import { recordAll, scriptRound, TEST_SUITE } from '../shared/session/transcript/testing.ts';
import { replayFiles, type TranscriptFile } from './replay-files.ts';

let folder: string;
let files: TranscriptFile[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'replay-'));
  const transcripts = [...(await recordAll(await scriptRound({ size: 3 }))).values()];
  files = transcripts.map((transcript, i) => ({
    name: `${i}.transcript`,
    bytes: encodeTranscript(transcript),
  }));
  for (const { name, bytes } of files) writeFileSync(join(folder, name), bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

const failuresOf = async (...given: TranscriptFile[]) => (await replayFiles(given, TEST_SUITE)).failures;
const edited = (edit: (bytes: Uint8Array) => Uint8Array): TranscriptFile => {
  const { name, bytes } = files[0]!;
  return { name, bytes: edit(bytes.slice()) };
};

test('the files of an honest round hold, and give the model', async () => {
  const report = await replayFiles(files, TEST_SUITE);
  expect(report.failures).toEqual([]);
  expect(report.files.map(({ of }) => of?.round)).toEqual([7, 7, 7, 7]);
  expect(report.joint.find(({ name }) => name === 'replayed')?.text).toBe(
    '3 of 4 transcripts give the committed model.',
  );
});

test('what is wrong is named, file by file', async () => {
  const cut = edited((bytes) => bytes.subarray(0, 1000));
  expect(await failuresOf(cut, files[1]!)).toEqual(['0.transcript: secagg.transcript-invalid']);
  const changed = edited((bytes) => {
    bytes[bytes.length - 1]! ^= 1;
    return bytes;
  });
  expect(await failuresOf(changed, files[1]!)).toEqual(['0.transcript: signature']);
  expect(await failuresOf(files[0]!, files[0]!)).toEqual(['same-round']);
  expect(await failuresOf(files[3]!)).toEqual(['replayed']);
});

const replay = (...args: string[]) => {
  const script = resolve(import.meta.dirname, 'replay.ts');
  const loader = import.meta.resolve('tsx');
  return spawnSync(process.execPath, ['--import', loader, script, ...args], {
    cwd: folder,
    encoding: 'utf8',
  });
};

test('the command prints tables, writes JSON, and ends with 0, 1 or 2', () => {
  const good = replay('0.transcript', '1.transcript', '--json', 'report.json');
  expect([good.status, good.stderr]).toEqual([0, '']);
  expect(good.stdout).toContain('0.transcript: round 7 as ');
  expect(good.stdout).toMatch(/\| slices-recomputed \| ok +\| 3 of 3 slices/);
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
  expect(report).toMatchObject({ ok: true, failures: [], files: [{ of: { committed: true } }, {}] });

  writeFileSync(join(folder, 'photo'), Uint8Array.of(0xff, 0xd8, 0xff));
  const bad = replay('photo');
  expect(bad.status).toBe(1);
  expect(bad.stdout).toContain('WRONG: photo: secagg.transcript-invalid');

  for (const args of [[], ['nowhere.transcript'], ['--frobnicate'], ['0.transcript', '--json']]) {
    const { status, stderr } = replay(...args);
    expect([args, status]).toEqual([args, 2]);
    expect(stderr).toContain('Usage: npm run replay');
  }
}, 60_000);
