import { join } from 'node:path';
import type { Logger } from 'pino';
import { type ErrorRecord, MurmurationError, toErrorRecord } from '../../shared/errors/index.ts';
import { type Federation, policyHash } from '../../shared/federation/index.ts';
import { type ChainedEntry, openAccount, type SpendingLimit } from '../../shared/ledger/index.ts';
import { webCryptoRandom } from '../../shared/random/index.ts';
import { bestSuite } from '../../shared/secagg/index.ts';
import { checkAgreement } from './agreement.ts';
import { limitOf, readConsent } from './consent-file.ts';
import { writeWhole } from './durable-file.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts';
import { awaitFederationRun, clientOf, federationRun, rest, testDigits } from './federation-source.ts';
import { fileStore } from './file-store.ts';
import { ledgerFiles } from './ledger-file.ts';
import type { ParticipantOptions } from './options.ts';
import { formatOf } from './read-data.ts';
import { budgetOf, type ParticipantReport } from './report.ts';
import { roundsReleased } from './round-limit.ts';
import { joinRun, type RunningSession, type SessionEnd } from './session.ts';
import { openStateFolder, type StateFolder } from './state-folder.ts';
import { type NodeTrainer, startTrainer } from './trainer.ts';

/** Whether the terms are still those that were agreed to is asked this often while the server says nothing. */
const TERMS_CHECK_MS = 10 * 60_000;
/** So that a peer that knows a revision which the server does not tell costs little. */
const REVISED_MS = 10_000;
/** A report is written no more often than this. */
const REPORT_MS = 500;

/**
 * Takes part until something ends it, or `signal` does; then leaves politely.
 * @throws what keeps it from taking part, by name.
 */
export async function runParticipant(
  options: ParticipantOptions,
  log: Logger,
  signal: AbortSignal,
): Promise<ExitCode> {
  const consent = options.consent === undefined ? undefined : await readConsent(options.consent);
  const state = await openStateFolder(options.state);
  try {
    for (;;) {
      const code = await withState(options, consent, state, log, signal);
      if (code !== 'revised') return code;
      log.info('the federation was revised, not its terms; taking part in what it is now');
      await rest(REVISED_MS, signal);
    }
  } finally {
    await state.release();
  }
}

async function withState(
  options: ParticipantOptions,
  consent: Awaited<ReturnType<typeof readConsent>> | undefined,
  state: StateFolder,
  log: Logger,
  signal: AbortSignal,
): Promise<ExitCode | 'revised'> {
  const random = webCryptoRandom(globalThis.crypto);
  const client = clientOf(options.server, options.credential);
  const ask = () => federationRun(client, options.federation, state, signal);
  const { federation, run } = await awaitFederationRun(
    ask,
    random,
    ({ message }, delayMs) => log.warn({ delayMs: Math.round(delayMs) }, message),
    signal,
  );
  await checkAgreement(consent, federation, state);
  log.info(
    { federation: federation.id, run, participant: state.identity.id, terms: policyHash(federation) },
    'taking part',
  );

  const trainer = await startTrainer(
    {
      federation,
      data: { path: options.data!, format: formatOf(options.data!, federation.data) },
      testDigits: federation.evaluation === 'sample' ? await testDigits(options.server, signal) : undefined,
      pace: { maxDuty: consent?.device.maxCpuShare ?? 1, coolDown: consent?.device.coolDown ?? false },
    },
    signal,
  );
  log.info(
    { examples: trainer.examples, dataset: trainer.dataset, engine: trainer.engine.name },
    'data read',
  );
  try {
    return await withTrainer({ options, consent, state, federation, run, trainer, ask, random, log, signal });
  } finally {
    await trainer.close();
  }
}

interface Parts {
  readonly options: ParticipantOptions;
  readonly consent: Awaited<ReturnType<typeof readConsent>> | undefined;
  readonly state: StateFolder;
  readonly federation: Federation;
  readonly run: string;
  readonly trainer: NodeTrainer;
  readonly ask: () => Promise<{ readonly federation: Federation }>;
  readonly random: ReturnType<typeof webCryptoRandom>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

async function withTrainer(parts: Parts): Promise<ExitCode | 'revised'> {
  const { options, consent, state, federation, run, trainer, random, log } = parts;
  const { dataset, examples } = trainer;
  const limit = consent && limitOf(consent, federation);
  const ledgers = ledgerFiles(join(state.path, 'ledgers'), openAccount);
  const ledger = () => ledgers.read(dataset);
  const store = fileStore({
    folder: state.path,
    ledgers,
    federation,
    limitOf: (name) => (name === dataset ? limit : undefined),
    recordsOf: (name) => (name === dataset ? examples : undefined),
  });
  const spent = roundsReleased(await ledger(), federation.id);
  if (consent?.maxRounds !== undefined && spent >= consent.maxRounds) {
    log.info({ rounds: spent }, 'all rounds that were agreed to were made');
    return EXIT.done;
  }

  const allowed = federation.paths.filter((path) => consent?.device.paths?.includes(path) ?? true);
  if (allowed.length === 0) {
    throw new MurmurationError('privacy.policy-unmet', 'No way is left for data to go.', {
      path: 'device.paths',
      expected: `one of ${federation.paths.join(', ')}, which the federation allows`,
      remedy: 'Allow one of them in the consent file.',
    });
  }
  const reporter = createReporter(parts, ledger, limit);
  const session = await joinRun({
    server: options.server,
    federation,
    run,
    identity: state.identity,
    store,
    ledger,
    trainer,
    suite:
      federation.privacy.secureAggregation === 'secagg'
        ? await bestSuite(globalThis.crypto, random)
        : undefined,
    paths: allowed,
    policy: policyHash(federation),
    credential: options.credential,
    hours: consent?.hours,
    maxRounds: consent?.maxRounds,
    once: options.once,
    random,
    log,
    onChange: reporter.changed,
  });
  reporter.watch(session);
  const end = await endOf(session, parts);
  await session.leave();
  if (end === 'revised') {
    reporter.stop();
    return end;
  }
  const code = end.reason === 'refused' ? exitCodeOf(end.error.code) : EXIT.done;
  const error = end.reason === 'refused' ? { code: end.error.code, cause: end.error.message } : {};
  log[code === EXIT.done ? 'info' : 'error']({ reason: end.reason, ...error, exit: code }, 'ended');
  await reporter.close(end, code);
  return code;
}

/** What ends the session: itself, a signal, or terms that are other than those agreed to. */
async function endOf(
  session: RunningSession,
  { consent, state, ask, log, signal }: Parts,
): Promise<SessionEnd | 'revised'> {
  const told = new Promise<SessionEnd>((resolve) => {
    const tell = (): void => resolve({ reason: 'told' });
    if (signal.aborted) tell();
    else signal.addEventListener('abort', tell, { once: true });
  });
  let timer: NodeJS.Timeout | undefined;
  const changed = new Promise<SessionEnd>((resolve) => {
    timer = setInterval(() => {
      checkNow().then(
        (error) => error !== undefined && resolve({ reason: 'refused', error }),
        (thrown: unknown) => log.warn({ err: thrown }, 'the terms could not be checked'),
      );
    }, TERMS_CHECK_MS);
  });
  const checkNow = async (): Promise<ErrorRecord | undefined> => {
    const { federation } = await ask();
    try {
      await checkAgreement(consent, federation, state);
      return undefined;
    } catch (thrown) {
      return toErrorRecord(thrown);
    }
  };
  const end = await Promise.race([session.ended, told, changed]);
  clearInterval(timer);
  if (end.reason !== 'refused' || end.error.code !== 'privacy.policy-changed') return end;
  // The server says that something changed; the document says what.
  const error = await checkNow();
  return error === undefined ? 'revised' : { reason: 'refused', error };
}

interface Reporter {
  changed(): void;
  watch(session: RunningSession): void;
  stop(): void;
  close(end: SessionEnd, code: ExitCode): Promise<void>;
}

function createReporter(
  { options, federation, run, state, trainer, log }: Parts,
  ledger: () => Promise<readonly ChainedEntry[]>,
  limit: SpendingLimit | undefined,
): Reporter {
  let session: RunningSession | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const write = async (end: ParticipantReport['end']): Promise<void> => {
    if (options.json === undefined || session === undefined) return;
    const { dataset, examples } = trainer;
    const report: ParticipantReport = {
      format: 'murmuration/participant-report',
      formatVersion: 1,
      name: options.name,
      federation: federation.id,
      run,
      participant: state.identity.id,
      dataset,
      examples,
      session: session.view,
      privacyBudget: budgetOf(await ledger(), dataset, federation, limit, examples, Date.now()),
      end,
      updatedAt: new Date().toISOString(),
    };
    await writeWhole(options.json, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o644 });
  };
  const changed = (): void => {
    if (isClosed) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      write(null).catch((thrown: unknown) => log.warn({ err: thrown }, 'the report was not written'));
    }, REPORT_MS);
  };
  const stop = (): void => {
    isClosed = true;
    clearTimeout(timer);
  };
  return {
    changed,
    watch(running: RunningSession): void {
      session = running;
      changed();
    },
    stop,
    async close(end: SessionEnd, code: ExitCode): Promise<void> {
      stop();
      const error = end.reason === 'refused' ? { error: end.error } : {};
      await write({ reason: end.reason, code, ...error });
    },
  };
}
