import { createHash } from 'node:crypto';

/** An id as the name of a file: itself where it is harmless, else its hash. */
export function fileNameOf(id: string): string {
  return /^[A-Za-z0-9_-]{1,100}$/.test(id) ? id : createHash('sha256').update(id).digest('hex');
}
