import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/**
 * `npm run verify`: everything that tells whether this tree is sound, in order, whatever fails on the way. Its last
 * line is `N passed, N failed`: the tests of both runners, and 1 failed for any other stage that fails.
 */
interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Of tests that failed, with what they said: a log that was cut short has its end at least. */
  readonly failures: readonly string[];
}

interface UnitReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

interface BrowserSuite {
  readonly suites?: readonly BrowserSuite[];
  readonly specs?: readonly {
    readonly file: string;
    readonly line: number;
    readonly title: string;
    readonly ok: boolean;
    readonly tests: readonly {
      readonly results: readonly { readonly errors?: readonly { readonly message?: string }[] }[];
    }[];
  }[];
}

interface BrowserReport extends BrowserSuite {
  readonly stats: { readonly expected: number; readonly unexpected: number; readonly flaky: number };
}

interface Stage {
  readonly name: string;
  /** An npm script and what follows it. */
  readonly script: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly report?: { readonly path: string; readonly read: (report: never) => Outcome };
}

const folder = mkdtempSync(join(tmpdir(), 'murmuration-verify-'));
const unitReport = join(folder, 'unit.json');
const browserReport = join(folder, 'e2e.json');

const STAGES: readonly Stage[] = [
  { name: 'types', script: ['types'] },
  { name: 'lint', script: ['lint'] },
  {
    name: 'unit tests',
    script: ['test', '--', '--reporter=default', '--reporter=json', `--outputFile.json=${unitReport}`],
    report: {
      path: unitReport,
      read: ({ numPassedTests, numFailedTests, testResults }: UnitReport) => ({
        passed: numPassedTests,
        failed: numFailedTests,
        failures: testResults.flatMap(failuresOfFile),
      }),
    },
  },
  { name: 'session fuzz', script: ['fuzz:session', '--', '--runs', '300'] },
  { name: 'secure fuzz', script: ['fuzz:session', '--', '--secure', '--runs', '200'] },
  { name: 'private fuzz', script: ['fuzz:session', '--', '--private', '--runs', '100'] },
  // It builds the page first.
  {
    name: 'browser tests',
    script: ['test:e2e', '--', '--reporter=list,json'],
    environment: { PLAYWRIGHT_JSON_OUTPUT_NAME: browserReport },
    report: {
      path: browserReport,
      read: (browsers: BrowserReport) => ({
        passed: browsers.stats.expected,
        failed: browsers.stats.unexpected + browsers.stats.flaky,
        failures: failuresOfSuite(browsers),
      }),
    },
  },
];

const startedMs = performance.now();
const lines: string[] = [];
const failures: string[] = [];
let passed = 0;
let failed = 0;
try {
  for (const stage of STAGES) {
    const stageMs = performance.now();
    console.log(`\n── ${stage.name}: npm run ${stage.script.join(' ')}`);
    const outcome = await runStage(stage);
    passed += outcome.passed;
    failed += outcome.failed;
    failures.push(...outcome.failures);
    const verdict = outcome.failed === 0 ? 'ok' : `${outcome.failed} FAILED`;
    lines.push(`${stage.name.padEnd(14)} ${seconds(stageMs).padStart(6)}  ${verdict}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.log(`\nFAILED ${failure}`);
console.log(`\n${lines.join('\n')}\n${'in all'.padEnd(14)} ${seconds(startedMs).padStart(6)}\n`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** A stage that ends badly counts as one failure at least, whatever its report says. */
async function runStage({ script, environment, report }: Stage): Promise<Outcome> {
  const child = spawn('npm', ['run', '--silent', ...script], {
    stdio: 'inherit',
    env: { ...process.env, ...environment },
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const outcome =
    report === undefined || !existsSync(report.path)
      ? { passed: 0, failed: 0, failures: [] }
      : report.read(JSON.parse(readFileSync(report.path, 'utf8')) as never);
  const reportLost = report !== undefined && !existsSync(report.path);
  return code === 0 && !reportLost ? outcome : { ...outcome, failed: Math.max(1, outcome.failed) };
}

/** A file that could not even be loaded has a message of its own and no tests. */
function failuresOfFile({
  name,
  message,
  status,
  assertionResults,
}: UnitReport['testResults'][number]): string[] {
  const file = relative(process.cwd(), name);
  const failed = assertionResults.filter((test) => test.status === 'failed');
  if (failed.length === 0) return status === 'failed' ? [`${file}\n${message}`] : [];
  return failed.map(
    ({ fullName, failureMessages }) => `${file} › ${fullName}\n${failureMessages.join('\n')}`,
  );
}

function failuresOfSuite({ suites = [], specs = [] }: BrowserSuite): string[] {
  const failed = specs.filter(({ ok }) => !ok);
  return [
    ...failed.map(({ file, line, title, tests }) => {
      const errors = tests.flatMap(({ results }) => results.flatMap((result) => result.errors ?? []));
      return `${file}:${line} › ${title}\n${errors.map(({ message = '' }) => message).join('\n')}`;
    }),
    ...suites.flatMap(failuresOfSuite),
  ];
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(0)} s`;
}
