import type { ErrorCode } from '../../shared/errors/index.ts';

/** How `npm run participant` ends; a service manager goes by it. docs/PARTICIPANT.md lists them. */
export const EXIT = {
  /** Done: the run finished, the round asked for was made, all rounds that were agreed to were, or it was told to stop. */
  done: 0,
  /** A failure that another start may not have. */
  failed: 1,
  /** The command line, or the consent file, is wrong. */
  usage: 2,
  /** Nothing may be released: the terms changed, a budget is spent, or the ledger is broken. */
  refused: 3,
  /** The data do not fit. */
  data: 4,
  /** The state folder: held by another process, full, damaged or out of reach. */
  state: 5,
  /** The server does not let it in: unknown federation, no or wrong credential. */
  admission: 6,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const REFUSED = /^(privacy\.|ledger\.|round\.refused)/;
const ADMISSION = /^(access\.|federation\.|http\.unauthorized|http\.forbidden|participant\.)/;

export function exitCodeOf(code: ErrorCode): ExitCode {
  if (code === 'argument.invalid') return EXIT.usage;
  if (REFUSED.test(code)) return EXIT.refused;
  if (code.startsWith('data.')) return EXIT.data;
  if (code.startsWith('storage.')) return EXIT.state;
  if (ADMISSION.test(code)) return EXIT.admission;
  return EXIT.failed;
}

/** Whether the server lets this participant in at no later time either, until a person does something. */
export function isLastingRefusal(code: ErrorCode): boolean {
  return (
    code.startsWith('access.') ||
    code === 'http.unauthorized' ||
    code === 'http.forbidden' ||
    code === 'federation.unknown'
  );
}
