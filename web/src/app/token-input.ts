import { targetLabels } from '../../../shared/dataset/index.ts';
import { check } from '../../../shared/errors/index.ts';
import type { DataSchema, TokensSchema } from '../../../shared/federation/index.ts';

/** Whether people write text, of whose UTF-8 bytes each is a token, rather than ids. */
export function isText({ vocabulary, target }: TokensSchema): boolean {
  return target.type === 'next' && vocabulary === 256;
}

export interface TokenInput {
  /** As many ids as an example has. */
  readonly inputs: Float32Array<ArrayBuffer>;
  /** Which position's answer is the one that was asked for. */
  readonly position: number;
}

/**
 * Asked for the next token, a model answers at the last token that was given: of a longer sequence the end counts,
 * and a shorter one is followed by zeros, which a causal model does not look at.
 * @throws `data.wrong-shape`, `data.invalid-value`.
 */
export function encodeTokens(
  { length, vocabulary, target }: TokensSchema,
  tokens: readonly number[],
): TokenInput {
  const isNext = target.type === 'next';
  check(
    isNext ? tokens.length > 0 : tokens.length === length,
    'data.wrong-shape',
    'These are not as many tokens as the model takes.',
    {
      expected: isNext ? 'at least one token' : `${length} tokens`,
      received: String(tokens.length),
    },
  );
  const wrong = tokens.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabulary);
  check(wrong < 0, 'data.invalid-value', 'This is not a token of the vocabulary.', {
    path: `token ${wrong + 1}`,
    expected: `an integer from 0 to ${vocabulary - 1}`,
  });
  const last = tokens.slice(-length);
  const inputs = new Float32Array(length);
  inputs.set(last);
  return { inputs, position: isNext ? last.length - 1 : 0 };
}

/** Words for each class that the model may answer: labels, ids, or what a byte stands for. */
export function answerLabels(schema: DataSchema): readonly string[] {
  if (schema.kind !== 'tokens' || schema.target.type !== 'next') return targetLabels(schema) ?? [];
  const word = isText(schema) ? byteWord : String;
  return Array.from({ length: schema.vocabulary }, (_, id) => word(id));
}

function byteWord(byte: number): string {
  if (byte === 0x20) return 'space';
  if (byte === 0x0a) return 'new line';
  return byte > 0x20 && byte < 0x7f
    ? String.fromCharCode(byte)
    : `byte ${byte.toString(16).padStart(2, '0')}`;
}
