/** Minutes at the beginning that say nothing: code is compiled, pools and caches fill. */
export const SETTLING_MINUTES = 5;

export interface Trend {
  /** What an hour adds, as a share of the mean. */
  readonly growthPerHour: number;
  /** Standard error of it. */
  readonly uncertainty: number;
  /** Minutes that it is made of. */
  readonly minutes: number;
}

/**
 * Ordinary least squares over what was held each minute, without the first ones.
 * @returns undefined for fewer than three minutes: a line through two points has no error to speak of.
 */
export function trendOf(bytesByMinute: readonly number[]): Trend | undefined {
  const y = bytesByMinute.slice(SETTLING_MINUTES);
  const n = y.length;
  if (n < 3) return undefined;
  const meanX = (n - 1) / 2;
  const meanY = y.reduce((sum, bytes) => sum + bytes, 0) / n;
  let sxx = 0;
  let sxy = 0;
  y.forEach((bytes, x) => {
    sxx += (x - meanX) ** 2;
    sxy += (x - meanX) * (bytes - meanY);
  });
  const slope = sxy / sxx;
  const residual = y.reduce((sum, bytes, x) => sum + (bytes - meanY - slope * (x - meanX)) ** 2, 0);
  const error = Math.sqrt(residual / (n - 2) / sxx);
  return { growthPerHour: (60 * slope) / meanY, uncertainty: (60 * error) / meanY, minutes: n };
}
