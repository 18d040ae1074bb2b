import { check } from '../errors/index.ts';
import type { TokensSchema } from '../federation/index.ts';

/** Cuts text that comes in pieces, of whole characters, into windows of UTF-8 bytes, each byte being a token. */
export interface TextSplitter {
  /** Windows that are complete by now, of `length` + 1 bytes each; they are views that stay valid. */
  push(text: string): Uint8Array[];
}

/**
 * Each window begins with the last byte of the one before it, so that every byte but the first is predicted exactly
 * once; what is left at the end of the text, fewer than `length` bytes, is not used.
 * @throws `data.wrong-shape` where the schema is not of next tokens, or its vocabulary does not hold all bytes.
 */
export function textSplitter({ length, vocabulary, target }: TokensSchema): TextSplitter {
  check(
    target.type === 'next' && vocabulary >= 256,
    'data.wrong-shape',
    'This federation does not train on plain text.',
    {
      expected: 'JSON records with token ids',
      received: 'text',
      remedy:
        'Choose a JSON or JSONL file. Text can be used where the target is the next token, of 256 or more.',
    },
  );
  const encoder = new TextEncoder();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    push(text) {
      const encoded = encoder.encode(text);
      const bytes = new Uint8Array(rest.length + encoded.length);
      bytes.set(rest);
      bytes.set(encoded, rest.length);
      const windows: Uint8Array[] = [];
      let start = 0;
      for (; start + length < bytes.length; start += length)
        windows.push(bytes.subarray(start, start + length + 1));
      rest = bytes.subarray(start);
      return windows;
    },
  };
}
