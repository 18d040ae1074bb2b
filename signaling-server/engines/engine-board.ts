import type { EngineReport } from './choose-engine.ts';

/** What computes what on this server, and why: for the log, and for whoever asks for the server's health. */
export interface EngineBoard {
  note(use: string, report: EngineReport): void;
  readonly reports: Readonly<Record<string, EngineReport>>;
}

/** Newest uses that are remembered. */
const MAX_USES = 20;

export function createEngineBoard(): EngineBoard {
  const reports = new Map<string, EngineReport>();
  return {
    note(use, report) {
      reports.delete(use);
      reports.set(use, report);
      if (reports.size > MAX_USES) reports.delete(reports.keys().next().value!);
    },
    get reports() {
      return Object.fromEntries(reports);
    },
  };
}
