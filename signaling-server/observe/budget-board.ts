import type { EventOf } from '../events.ts';

type BudgetEvent = EventOf<'budget'>;

export interface BudgetRow {
  readonly kind: BudgetEvent['kind'];
  readonly subject: string;
  readonly share: number;
  readonly epsilon: number;
}

/** Stands for the one of them that has spent the largest share. */
export const HIGHEST = '*';
/** Subjects of a kind that are told apart. */
const MAX_NAMED = 50;
/** Of a kind; those who spent least are forgotten first. */
const MAX_KEPT = 10_000;

/**
 * Who has spent how much of a budget, as far as anybody may read it who may read metrics: federations and departments by name, the most spent
 * first; of participants and users, who are persons, only the highest.
 */
export interface BudgetBoard {
  note(event: BudgetEvent): void;
  rows(): BudgetRow[];
  forget(kind: BudgetEvent['kind'], subject: string): void;
}

export function createBudgetBoard(): BudgetBoard {
  const kinds = new Map<BudgetEvent['kind'], Map<string, BudgetRow>>();
  return {
    note({ kind, subject, share, epsilon }) {
      const rows = kinds.get(kind) ?? new Map<string, BudgetRow>();
      kinds.set(kind, rows);
      rows.set(subject, { kind, subject, share: known(share), epsilon: known(epsilon) });
      if (rows.size > MAX_KEPT) rows.delete(descending(rows).at(-1)!.subject);
    },
    forget: (kind, subject) => void kinds.get(kind)?.delete(subject),
    rows: () =>
      [...kinds].flatMap(([kind, rows]) => {
        const sorted = descending(rows);
        const isPerson = kind === 'participant' || kind === 'user';
        return isPerson
          ? sorted.slice(0, 1).map((row) => ({ ...row, subject: HIGHEST }))
          : sorted.slice(0, MAX_NAMED);
      }),
  };
}

function descending(rows: ReadonlyMap<string, BudgetRow>): BudgetRow[] {
  return [...rows.values()].sort((a, b) => (a.share === b.share ? 0 : a.share < b.share ? 1 : -1));
}

/** JSON has no infinity: what is no number is without bound. */
function known(value: number): number {
  return Number.isFinite(value) ? value : Infinity;
}
