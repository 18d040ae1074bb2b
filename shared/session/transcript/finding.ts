import { type ErrorRecord, toErrorRecord } from '../../errors/index.ts';

/** What a transcript is checked for; stable names, for programs to match on. */
export type FindingName =
  // of one transcript
  | 'chain'
  | 'signature'
  | 'contents'
  | 'adverts'
  | 'survivors'
  | 'confirmations'
  | 'reveals'
  | 'sums'
  | 'own-update'
  | 'confirmed-updates'
  | 'weight'
  | 'recomputed'
  | 'total'
  /** In place of `total` and `all-groups`: what held-out examples decided, nobody else can compute again. */
  | 'screening'
  | 'model'
  // of several
  | 'same-round'
  | 'same-survivors'
  | 'same-sums'
  | 'same-model'
  | 'every-update'
  | 'slices-recomputed'
  | 'all-groups'
  | 'replayed';

export interface Finding {
  readonly name: FindingName;
  /** `absent`: the transcript does not hold what this would be checked on. */
  readonly outcome: 'ok' | 'wrong' | 'absent';
  /** What was checked, or what is wrong. */
  readonly text: string;
  /** Of `recomputed` and `slices-recomputed`: which; GROUP/SLICE in a round of several groups. */
  readonly slices?: readonly string[];
}

/** A check before its name is known: what a function that looks at one thing returns. */
export type Verdict = Omit<Finding, 'name'>;

export const ok = (text: string): Verdict => ({ outcome: 'ok', text });
export const wrong = (text: string): Verdict => ({ outcome: 'wrong', text });
export const absent = (text: string): Verdict => ({ outcome: 'absent', text });

/** Runs one check; what it throws is what is wrong. */
export async function finding(name: FindingName, check: () => Verdict | Promise<Verdict>): Promise<Finding> {
  try {
    return { name, ...(await check()) };
  } catch (thrown) {
    return { name, ...wrong(describe(toErrorRecord(thrown))) };
  }
}

function describe({ code, message }: ErrorRecord): string {
  return `${message} (${code})`;
}

/** One verdict for all groups of a round: wrong where one is, absent where one is and none is wrong. */
export function inAllGroups(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.length === 1) return verdicts[0]!;
  for (const outcome of ['wrong', 'absent'] as const) {
    const index = verdicts.findIndex((verdict) => verdict.outcome === outcome);
    if (index >= 0)
      return { outcome, text: `Group ${index} of ${verdicts.length}: ${verdicts[index]!.text}` };
  }
  const slices = verdicts.flatMap((verdict) => verdict.slices ?? []);
  const text = `In each of ${verdicts.length} groups; in the first: ${verdicts[0]!.text}`;
  return { ...ok(text), ...(slices.length === 0 ? {} : { slices }) };
}
