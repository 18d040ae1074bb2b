import type { RoundRecord } from '../../shared/wire/index.ts';

/** What the server acknowledged, and must have ever after. */
export interface Acknowledged {
  readonly federations: Set<string>;
  readonly trainings: Set<string>;
  /** Rounds that a participant saw committed: number and hash. */
  readonly rounds: Set<string>;
}

export function nothingYet(): Acknowledged {
  return { federations: new Set(), trainings: new Set(), rounds: new Set() };
}

export interface Found {
  readonly federations: ReadonlySet<string>;
  readonly trainings: ReadonlySet<string>;
  readonly records: readonly RoundRecord[];
}

export function roundKey({ round, hash }: Pick<RoundRecord, 'round' | 'hash'>): string {
  return `${round} ${hash}`;
}

/** What is not there, in words; nothing when all is well. */
export function lossesOf(acknowledged: Acknowledged, found: Found): string[] {
  const kept = new Set(found.records.map(roundKey));
  const missing = <T>(what: string, all: Iterable<T>, has: (each: T) => boolean): string[] =>
    [...all].filter((each) => !has(each)).map((each) => `${what} ${String(each)} is gone`);
  return [
    ...missing('federation', acknowledged.federations, (id) => found.federations.has(id)),
    ...missing('training', acknowledged.trainings, (id) => found.trainings.has(id)),
    ...missing('round', acknowledged.rounds, (round) => kept.has(round)),
    ...breaksOf(found.records),
  ];
}

/** Where the chain of models breaks: each round starts from the model of the one before. */
export function breaksOf(records: readonly RoundRecord[]): string[] {
  // Of two records of one round, the later attempt superseded the other; they come in that order.
  const chain = [...new Map(records.map((record) => [record.round, record])).values()];
  return chain.flatMap(({ round, baseHash }, i) => {
    const before = chain[i - 1];
    if (before === undefined) return round === 1 ? [] : [`the history begins with round ${round}`];
    if (round !== before.round + 1) return [`round ${before.round + 1} is missing`];
    return baseHash === before.hash
      ? []
      : [`round ${round} does not start from the model of round ${before.round}`];
  });
}
