import { check } from '../errors/index.ts';

const ALPHABET = /^[A-Za-z0-9_-]*$/;
const CHUNK = 8192; // String.fromCharCode takes its bytes as arguments, and their number is bounded

/** @returns base64url without padding (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  let binary = '';
  for (let start = 0; start < bytes.length; start += CHUNK) {
    binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  }
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/**
 * The inverse of {@link toBase64Url}; every byte string has exactly one accepted text.
 * @throws `argument.invalid` for other characters, padding, or unused bits that are not zero.
 */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  check(ALPHABET.test(text) && text.length % 4 !== 1, 'argument.invalid', 'Text is not base64url.', {
    expected: 'letters, digits, "-" and "_" without padding',
    received: `${text.length} characters`,
  });
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  check(toBase64Url(bytes) === text, 'argument.invalid', 'Text is not canonical base64url.', {
    expected: 'unused trailing bits to be zero',
  });
  return bytes;
}
