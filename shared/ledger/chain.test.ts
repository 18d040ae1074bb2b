import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../errors/index.ts';
import { appendEntry, type ChainedEntry, GENESIS_HASH, verifyChain } from './chain.ts';
import type { LedgerEntry } from './entry.ts';

const entryOf = (round: number): LedgerEntry => ({
  dataset: 'd',
  run: 'r',
  round,
  atMs: 1000 * round,
  event: { mechanism: 'none', released: 'update', clipNorm: 20, weight: 5 },
});

function chainOf(length: number): ChainedEntry[] {
  const chain: ChainedEntry[] = [];
  for (let round = 1; round <= length; round++) chain.push(appendEntry(chain.at(-1), entryOf(round)));
  return chain;
}

function brokenAt(entries: readonly ChainedEntry[]): string | undefined {
  try {
    verifyChain(entries);
    return undefined;
  } catch (error) {
    expect(hasCode(error, 'ledger.broken-chain')).toBe(true);
    return (error as { facts: { path: string } }).facts.path;
  }
}

test('L-01: a link hashes its canonical JSON: members sorted, the previous hash within', () => {
  const link = appendEntry(undefined, entryOf(1));
  const json =
    '{"entry":{"atMs":1000,"dataset":"d","event":{"clipNorm":20,"mechanism":"none","released":"update",' +
    `"weight":5},"round":1,"run":"r"},"previousHash":"${GENESIS_HASH}","seq":0}`;
  expect(link.hash).toBe(createHash('sha256').update(json).digest('hex'));
});

describe('verifyChain', () => {
  test('accepts an untouched chain, and an empty one', () => {
    expect(brokenAt(chainOf(4))).toBeUndefined();
    expect(brokenAt([])).toBeUndefined();
  });

  test('L-02: names the first entry that was changed', () => {
    const chain = chainOf(4);
    chain[1] = { ...chain[1]!, entry: { ...chain[1]!.entry, round: 99 } };
    expect(brokenAt(chain)).toBe('ledger entry 1');
  });

  test('finds a changed entry whose hash was made to fit, at the next link', () => {
    const chain = chainOf(4);
    chain[1] = appendEntry(chain[0], entryOf(99));
    expect(brokenAt(chain)).toBe('ledger entry 2');
  });

  test('L-02: finds entries that are missing, repeated or out of order', () => {
    const chain = chainOf(3);
    expect(brokenAt(chain.slice(1))).toBe('ledger entry 0');
    expect(brokenAt([chain[0]!, chain[2]!])).toBe('ledger entry 1');
    expect(brokenAt([chain[0]!, chain[0]!])).toBe('ledger entry 1');
    expect(brokenAt([chain[1]!, chain[0]!])).toBe('ledger entry 0');
  });
});
