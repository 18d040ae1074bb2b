import { pino } from 'pino';
import { MurmurationError, toErrorRecord } from '../shared/errors/index.ts';
import { describeError } from '../signaling-server/log.ts';
import { EXIT, exitCodeOf } from './participant/exit-code.ts';
import { clientOf, federationRun } from './participant/federation-source.ts';
import { type ParticipantOptions, readParticipantOptions } from './participant/options.ts';
import { runParticipant } from './participant/run-participant.ts';
import { describeTerms } from './participant/terms.ts';

/**
 * `npm run participant -- --server URL --federation ID --data FILE`: a participant without a browser, for machines in back rooms,
 * hospital nodes and edge boxes. docs/PARTICIPANT.md says how it is run as a service.
 */
const STOP_TIMEOUT_MS = 40_000;
const stop = new AbortController();
const log = pino({ base: null, serializers: { err: describeError } });

try {
  const options = await readParticipantOptions(process.argv.slice(2), process.env);
  log.level = options.logLevel;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(EXIT.failed);
      log.info({ signal }, 'told to stop');
      stop.abort();
      setTimeout(() => process.exit(EXIT.failed), STOP_TIMEOUT_MS).unref();
    });
  }
  process.exitCode = await (options.showTerms
    ? showTerms(options)
    : runParticipant(options, log.child({ name: options.name }), stop.signal));
} catch (thrown) {
  process.exitCode = tell(thrown);
}
// The WebRTC library keeps threads that would hold the process up.
process.exit();

async function showTerms({ server, federation, credential }: ParticipantOptions): Promise<number> {
  const nothing = { recall: async () => undefined, remember: async () => undefined };
  const found = await federationRun(clientOf(server, credential), federation, nothing, stop.signal);
  console.log(describeTerms(found.federation));
  return EXIT.done;
}

function tell(thrown: unknown): number {
  const { code, message } = toErrorRecord(thrown);
  if (code === 'aborted' && stop.signal.aborted) return EXIT.done;
  const exit = exitCodeOf(code);
  if (thrown instanceof MurmurationError && exit === EXIT.usage) console.error(message);
  else log.fatal({ exit, err: thrown }, 'the participant cannot take part');
  return exit;
}
