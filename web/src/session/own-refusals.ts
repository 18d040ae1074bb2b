import type { ErrorCode, ErrorRecord } from '../../../shared/errors/index.ts';
import { stopsReleases } from '../../../shared/ledger/index.ts';
import type { NodeState } from '../../../shared/session/index.ts';
import type { Refusal } from './snapshot.ts';

/** What this device refuses of its own accord, whatever the coordinator wants; and what the server refuses to let it do. */
const OWN: ReadonlySet<ErrorCode> = new Set([
  'privacy.budget-exceeded',
  'privacy.ledger-locked',
  'privacy.invalid-parameter',
  'privacy.policy-unmet',
  'privacy.policy-changed',
  'round.repeated',
  'round.wrong-base',
  'round.wrong-cohort',
  'round.refused',
  'round.unfair-draw',
  'participant.blocked',
  'participant.quarantined',
  'privacy.consent-missing',
  'privacy.consent-withdrawn',
  'access.not-admitted',
  'access.invitation-used',
  'access.expired',
  'access.revoked',
]);

/** Remembers what this device refused last, until it takes part in a round again. */
export class OwnRefusals {
  latest: Refusal | undefined;
  /** The round under way last. */
  #round: number | undefined;

  takeNotice(error: ErrorRecord, atMs: number): void {
    if (!OWN.has(error.code)) return;
    this.latest = { atMs, round: this.#round, error, paused: false };
  }

  takeState({ participant }: NodeState): void {
    const { attempt, status } = participant ?? {};
    this.#round = attempt?.attempt.round ?? this.#round;
    if (this.latest === undefined) return;
    const paused = status?.name === 'paused' && stopsReleases(this.latest.error.code);
    if (paused !== this.latest.paused) this.latest = { ...this.latest, paused };
    const phase = attempt?.phase.name;
    if (phase === 'masking' || phase === 'exchanging') this.latest = undefined;
  }
}
