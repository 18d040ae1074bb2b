import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { check, MurmurationError } from '../shared/errors/index.ts';
import { type Layout, type Model, modelBytes, modelFromBytes } from '../shared/update/index.ts';

/** What a study has to show for one round. */
export interface StudyRound {
  readonly round: number;
  readonly hash: string;
  /** Of the test set: how many were evaluated, how many were right, and the sum of the loss. */
  readonly total: number;
  readonly correct: number;
  readonly lossSum: number;
  readonly clients: readonly number[];
  /** Tries that were abandoned before this one. */
  readonly abandoned: number;
  /** Updates beyond the clipping norm, and the longest of all. */
  readonly clipped: number;
  readonly largestNorm: number;
  /** Wall time since the round before, or since the study was started or gone on with. */
  readonly seconds: number;
}

export interface StudyTrouble {
  /** The last finished round when it came up. */
  readonly afterRound: number;
  readonly node: string;
  readonly code: string | undefined;
  readonly text: string;
}

/** Everything that a study needs to go on, but for the model, which lies in a file beside it. */
export interface StudyState<R extends { readonly round: number } = StudyRound> {
  readonly format: 'murmuration/study';
  readonly formatVersion: 1;
  /** What the result depends on: settings and seeds. */
  readonly configuration: Readonly<Record<string, string | number>>;
  readonly term: number;
  /** Of the last finished round; empty before the first. */
  readonly modelHash: string;
  readonly rounds: readonly R[];
  readonly trouble: readonly StudyTrouble[];
}

/**
 * Writes the model, then the state that names it, each whole or not at all: whenever the process is killed, a state and
 * its model are there. Models of earlier states are deleted last.
 */
export async function saveStudy<R extends { readonly round: number }>(
  file: string,
  state: StudyState<R>,
  model: Model,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const modelFile = modelFileOf(file, model.hash);
  await writeWhole(modelFile, modelBytes(model));
  await writeWhole(file, new TextEncoder().encode(`${JSON.stringify(state, null, 1)}\n`));
  for (const name of await readdir(dirname(file))) {
    const isModel = name.startsWith(`${basename(file)}.`) && name.endsWith('.model');
    if (isModel && name !== basename(modelFile)) await rm(join(dirname(file), name), { force: true });
  }
}

/**
 * @returns undefined when there is no such file. @throws `storage.corrupt` when file or model is damaged;
 * `argument.invalid` when the state belongs to a study with other settings.
 */
export async function loadStudy<R extends { readonly round: number } = StudyRound>(
  file: string,
  layout: Layout,
  configuration: StudyState['configuration'],
): Promise<{ state: StudyState<R>; model: Model } | undefined> {
  const text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined;
    throw thrown;
  });
  if (text === undefined) return undefined;
  const state = parseState<R>(file, text);
  const names = [...new Set([...Object.keys(configuration), ...Object.keys(state.configuration)])];
  const other = names.find((name) => configuration[name] !== state.configuration[name]);
  check(other === undefined, 'argument.invalid', 'The state file belongs to a study with other settings.', {
    path: other ?? '',
    expected: String(configuration[other ?? '']),
    received: String(state.configuration[other ?? '']),
    remedy: 'Name another file with --state, or begin anew with --restart.',
  });
  try {
    const bytes = await readFile(modelFileOf(file, state.modelHash));
    return { state, model: modelFromBytes(state.rounds.length, layout, bytes, state.modelHash) };
  } catch (cause) {
    throw corrupt(file, 'the model beside it cannot be read', cause);
  }
}

/** Forgets a study. */
export async function removeStudy(file: string): Promise<void> {
  await rm(file, { force: true });
}

function parseState<R extends { readonly round: number }>(file: string, text: string): StudyState<R> {
  let state: Partial<StudyState<R>>;
  try {
    state = JSON.parse(text) as Partial<StudyState<R>>;
  } catch (cause) {
    throw corrupt(file, 'it is not JSON', cause);
  }
  const isWhole =
    state.format === 'murmuration/study' &&
    state.formatVersion === 1 &&
    typeof state.configuration === 'object' &&
    typeof state.term === 'number' &&
    typeof state.modelHash === 'string' &&
    Array.isArray(state.trouble) &&
    Array.isArray(state.rounds) &&
    state.rounds.every(({ round }, i) => round === i + 1);
  if (!isWhole) throw corrupt(file, 'it is not the state of a study', undefined);
  return state as StudyState<R>;
}

function corrupt(file: string, reason: string, cause: unknown): MurmurationError {
  return new MurmurationError('storage.corrupt', `The state file is of no use: ${reason}.`, {
    path: file,
    remedy: 'Begin anew with --restart.',
    cause,
  });
}

function modelFileOf(file: string, hash: string): string {
  return join(dirname(file), `${basename(file)}.${hash.slice(0, 16)}.model`);
}

/** A file of this name is the old one or the new one, never part of it. */
async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
