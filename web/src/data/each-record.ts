import { type JsonRow, type JsonText, jsonSplitter } from '../../../shared/dataset/index.ts';
import type { ReadContext } from './imported.ts';
import { textOf } from './text-of.ts';

/** Visits the JSON records of a file in order, from an array or line by line. */
export async function eachRecord(
  file: Blob,
  encoding: string,
  { signal, report }: ReadContext,
  visit: (row: JsonRow) => void,
): Promise<void> {
  const splitter = jsonSplitter();
  let rows = 0;
  const visitAll = (batch: JsonText[]): void => {
    for (const record of batch) visit({ ...record, row: ++rows });
  };
  const onBytes = (doneBytes: number): void =>
    report({ phase: 'reading', doneBytes, totalBytes: file.size, rows });
  for await (const text of textOf(file, encoding, signal, onBytes)) visitAll(splitter.push(text));
  visitAll(splitter.finish());
}
