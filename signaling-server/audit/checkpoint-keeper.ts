import type { Logger } from 'pino';
import type { AuditLog } from './audit-log.ts';

const EVERY_MS = 3_600_000;

export interface CheckpointKeeper {
  /** Signs what was written last. */
  close(): Promise<void>;
}

/** Signs the newest entry now, every hour, and at the end. A failure is logged; the next time signs for it as well. */
export async function keepCheckpoints(
  audit: Pick<AuditLog, 'checkpoint'>,
  log: Pick<Logger, 'error'>,
  everyMs = EVERY_MS,
): Promise<CheckpointKeeper> {
  const sign = (): Promise<void> =>
    audit.checkpoint().catch((err: unknown) => log.error({ err }, 'the audit log could not be signed'));
  await sign();
  let last = Promise.resolve();
  const timer = setInterval(() => {
    last = last.then(sign);
  }, everyMs);
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      await last.then(sign);
    },
  };
}
