import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { faultCells, nameOf, playFault } from '../testing/fault-table.ts';
import { faultDocument, type PlayedCell } from '../testing/fault-table-document.ts';

const flush = () => new Promise<void>((resolve) => setImmediate(resolve));
const DOCUMENT = join(import.meta.dirname, '../../docs/fault-table.md');
const played: PlayedCell[] = [];

describe('every role, phase and behaviour', () => {
  test.each(faultCells().map((cell) => [nameOf(cell), cell] as const))('%s', async (_, cell) => {
    const outcome = await playFault(cell, flush);
    played.push({ cell, outcome });
    expect(outcome.wrongs).toEqual([]);
  });

  test('docs/fault-table.md says what happened', () => {
    expect(played, 'run without a filter').toHaveLength(faultCells().length);
    const document = faultDocument(played);
    if (process.env.UPDATE_DOCS !== undefined) writeFileSync(DOCUMENT, document);
    const written = existsSync(DOCUMENT) ? readFileSync(DOCUMENT, 'utf8') : '';
    expect(written, 'UPDATE_DOCS=1 writes it anew').toBe(document);
  });
});
