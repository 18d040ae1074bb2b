import type { RoundRecord } from '../../../shared/wire/index.ts';
import type { RoundTraffic } from './snapshot.ts';

interface Totals {
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** What went since the record before: a round is measured from one commit to the next. */
export class RoundMeter {
  latest: RoundTraffic | undefined;
  #mark: (Totals & { readonly round: number }) | undefined;

  /** A record as it comes, with all that went so far. One that is told again, with its evaluation, changes nothing. */
  takeRecord({ round }: Pick<RoundRecord, 'round'>, { bytesSent, bytesReceived }: Totals): void {
    const mark = this.#mark;
    if (mark !== undefined && round <= mark.round) return;
    this.#mark = { round, bytesSent, bytesReceived };
    // Over several rounds that were missed it would be the bytes of all of them.
    if (mark === undefined || round !== mark.round + 1) return;
    this.latest = {
      round,
      bytesSent: bytesSent - mark.bytesSent,
      bytesReceived: bytesReceived - mark.bytesReceived,
    };
  }
}
