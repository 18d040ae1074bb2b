import type { ImportPreview } from './api.ts';

const PREVIEW_ROWS = 20;
const MAX_PREVIEW_CHARACTERS = 120;

/** The first rows of a file that has no columns, shortened. */
export function textPreview() {
  const rows: string[][] = [];
  return {
    add(text: string): void {
      if (rows.length < PREVIEW_ROWS) rows.push([text.slice(0, MAX_PREVIEW_CHARACTERS)]);
    },
    rows: (column: string): NonNullable<ImportPreview['firstRows']> => ({ columns: [column], rows }),
  };
}
