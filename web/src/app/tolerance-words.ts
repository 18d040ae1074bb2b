import type { Tolerance } from '../aggregation/tolerance.ts';
import { counted, formatCount, formatPercent } from './format.ts';

/** "6 of 3", "2 of 5 or 6; 1 participant sits out". */
export function groupsWords({ sizes, sittingOut }: Pick<Tolerance, 'sizes' | 'sittingOut'>): string {
  if (sizes.length === 0) return 'none';
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const size = least === most ? formatCount(least) : `${formatCount(least)} or ${formatCount(most)}`;
  const rest =
    sittingOut === 0
      ? ''
      : `; ${counted(sittingOut, 'participant')} ${sittingOut === 1 ? 'sits' : 'sit'} out`;
  return `${formatCount(sizes.length)} of ${size}${rest}`;
}

/** A chance as people read it: never "0 %" where it can happen, nor "100 %" where it need not. */
export function chanceWords(chance: number, locale?: string): string {
  // Sums of many doubles, of which none is larger than one.
  if (chance < 1e-12) return 'never';
  if (chance > 1 - 1e-12) return 'always';
  if (chance < 0.001) return 'less than 0.1 %';
  if (chance > 0.999) return 'more than 99.9 %';
  return formatPercent(chance, locale);
}
