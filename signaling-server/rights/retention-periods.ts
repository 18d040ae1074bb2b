/** Days that things are kept; 0: for ever. */
export interface RetentionPeriods {
  /** Metrics of runs that are over. */
  readonly metrics: number;
  /** Records of rounds of runs that are over; the newest of each run stays. */
  readonly records: number;
  readonly transcripts: number;
  readonly audit: number;
  /** Participants that were not seen for so long are deleted; they may come back. */
  readonly inactiveParticipants: number;
  /** Alerts that were resolved. */
  readonly alerts: number;
  /** Requests that are not carried out twice. */
  readonly requests: number;
}

export const DEFAULT_RETENTION: RetentionPeriods = {
  metrics: 730,
  records: 730,
  transcripts: 90,
  // Six years: 45 CFR § 164.316(b)(2)(i) asks for so long.
  audit: 2190,
  inactiveParticipants: 730,
  alerts: 365,
  requests: 7,
};
