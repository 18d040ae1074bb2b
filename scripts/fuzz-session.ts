import {
  fuzzAsyncSession,
  fuzzPrivateSession,
  fuzzSecureSession,
  fuzzSession,
} from '../shared/testing/session-fuzz.ts';
import { integerOption, readOptions, writeJson } from './options.ts';

/** `npm run fuzz:session -- --runs 2000`, with secure aggregation by `--secure`, with hidden participants by `--private`, with asynchronous rounds by `--async` — or `--seed S` for one run again, with what happened in it. */
const options = readOptions({
  runs: { type: 'string', default: '200' },
  seed: { type: 'string' },
  first: { type: 'string', default: '0' },
  secure: { type: 'boolean', default: false },
  private: { type: 'boolean', default: false },
  async: { type: 'boolean', default: false },
});
const flush = () => new Promise<void>((resolve) => setImmediate(resolve));
const runs = options.seed === undefined ? integerOption('runs', options.runs, 1, 1_000_000) : 1;
const first = integerOption('first', options.first, 0, 1_000_000_000);
const kinds = {
  plain: { fuzz: fuzzSession, prefix: 'fuzz', flag: '' },
  secure: { fuzz: fuzzSecureSession, prefix: 'secure', flag: '--secure ' },
  private: { fuzz: fuzzPrivateSession, prefix: 'private', flag: '--private ' },
  async: { fuzz: fuzzAsyncSession, prefix: 'async', flag: '--async ' },
} as const;
const kind = (['async', 'private', 'secure'] as const).find((name) => options[name]) ?? 'plain';
const { fuzz, prefix, flag } = kinds[kind];
const startedMs = performance.now();
const totals = { runs: 0, rounds: 0, abandoned: 0, forks: 0, faults: 0 };
const failures: { seed: string; failure: string }[] = [];

for (let i = 0; i < runs; i++) {
  const outcome = await fuzz(options.seed ?? `${prefix}-${first + i}`, flush);
  totals.runs++;
  totals.rounds += outcome.rounds;
  totals.abandoned += outcome.abandoned;
  totals.forks += outcome.forks;
  totals.faults += outcome.faults.length;
  if (outcome.failure !== undefined) {
    failures.push({ seed: outcome.seed, failure: outcome.failure });
    console.log(
      `\n${outcome.seed}: ${outcome.failure}\n  again: npm run fuzz:session -- ${flag}--seed ${outcome.seed}`,
    );
  }
  if (options.seed !== undefined) console.log(outcome.faults.join('\n'));
  if (process.stdout.isTTY) process.stdout.write(`\r${i + 1}/${runs}`);
}

const seconds = (performance.now() - startedMs) / 1000;
console.log(
  `\n${totals.runs} runs, ${totals.faults} faults injected, ${totals.rounds} rounds committed, ${totals.abandoned} abandoned by name, ${totals.forks} discarded as forks, ${failures.length} failures, ${seconds.toFixed(1)} s`,
);
writeJson(options.json, { ...totals, seconds, failures });
process.exit(failures.length === 0 ? 0 : 1);
