import { firstKeyNotice } from './access/first-key.ts';
import { attachFederations } from './attachments.ts';
import { readConfig } from './config.ts';
import { createLog } from './log.ts';
import { startServer } from './server.ts';

const log = createLog('info');
/** After this, whatever still hangs is left behind. */
const STOP_TIMEOUT_MS = 20_000;

process.on('uncaughtException', (error) => {
  log.fatal({ err: error }, 'the server failed');
  process.exit(1);
});

const config = readConfig(process.env);
log.level = config.logLevel;
const server = await startServer(config, {
  log,
  attach: [attachFederations],
  announceKey: (key) => void process.stderr.write(firstKeyNotice(key)),
});

let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
    server.close().then(
      () => log.info('stopped'),
      () => {
        process.exitCode = 1;
      },
    );
  });
}
