/** Hours of the day, from 0 to 24; over midnight where `from` is the later one. */
export interface Hours {
  readonly from: number;
  readonly to: number;
}

/** Whether it is one of them, by the clock on this machine's wall. `from` belongs to them, `to` does not. */
export function isWithin(hours: Hours | undefined, at: Date): boolean {
  if (hours === undefined || hours.from === hours.to) return true;
  const hour = at.getHours() + at.getMinutes() / 60;
  return hours.from < hours.to
    ? hour >= hours.from && hour < hours.to
    : hour >= hours.from || hour < hours.to;
}
