/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What it means where it is not ok: a `warning` is to be known, a `critical` one to be mended. */
  readonly severity: 'info' | 'warning' | 'critical';
  /** One sentence; identifiers and numbers, no secret, no personal data. */
  readonly detail: string;
}

/** What a command found or did. */
export interface Report {
  readonly command: string;
  /** Nothing critical is wrong. */
  readonly ok: boolean;
  readonly atMs: number;
  readonly checks: readonly Check[];
  /** What else a program may want to read. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

export function reportOf(
  command: string,
  atMs: number,
  checks: readonly Check[],
  facts?: Readonly<Record<string, unknown>>,
): Report {
  const ok = checks.every((check) => check.ok || check.severity !== 'critical');
  return { command, ok, atMs, checks, ...(facts === undefined ? {} : { facts }) };
}

export function passed(name: string, detail: string): Check {
  return { name, ok: true, severity: 'info', detail };
}

export function failed(name: string, detail: string): Check {
  return { name, ok: false, severity: 'critical', detail };
}

export function warned(name: string, detail: string): Check {
  return { name, ok: false, severity: 'warning', detail };
}
