import type { Pipeline } from '../../../shared/compress/index.ts';
import { formatBytes, formatPercent } from './format.ts';

type Stages = Pipeline['stages'];

/** What happens to an update on its way, one after the other. Empty where nothing is done to make it smaller. */
export function stageWords(
  { keep, rank, bits, topK, entropyCoding }: Stages,
  isRounded = true,
): readonly string[] {
  const parts: string[] = [];
  if (keep !== undefined && keep < 1)
    parts.push(
      `${formatPercent(keep)} of the numbers, drawn anew for all in each round: training moves only those`,
    );
  if (rank !== undefined) parts.push(`matrices as products of two of rank ${rank}`);
  if (topK !== undefined)
    parts.push(
      `the largest ${formatPercent(topK)} of the numbers: what is left out is added to the next update`,
    );
  const sends = bits !== undefined || parts.length > 0 || entropyCoding === true;
  if (sends && isRounded) {
    if (topK === undefined) parts.push('rotated, so that no number stands out');
    parts.push(`rounded at random to whole numbers of ${bits ?? DEFAULT_BITS} bits`);
  }
  if (entropyCoding === true || topK !== undefined) parts.push('packed by how often each number occurs');
  return parts;
}

/** What shared/compress takes where a document names no width. */
const DEFAULT_BITS = 16;

/** "60 kB instead of 740 kB, 12.3 times less". */
export function savingWords(bytes: number, plainBytes: number): string {
  if (bytes >= plainBytes) return formatBytes(bytes);
  return `${formatBytes(bytes)} instead of ${formatBytes(plainBytes)}, ${formatTimes(plainBytes / bytes)} less`;
}

function formatTimes(times: number): string {
  return `${new Intl.NumberFormat(undefined, { maximumSignificantDigits: times < 10 ? 2 : 3 }).format(times)} times`;
}

/** An expected error beside what is to be read, in words. @param error relative, 0 or more. */
export function errorWords(error: number): string {
  return error === 0 ? 'none' : error < 0.0005 ? 'less than 0.1 %' : formatPercent(error);
}
